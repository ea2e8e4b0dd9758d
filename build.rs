//! Mends three defects of the vendored libzmq that any peer could use against all others, and lets it tell us when a peer
//! is gone. zmq-sys has built libzmq by now and left its source beside it; the files concerned are copied, changed, compiled, and linked in place of the
//! originals (an archive gives only what is still missing). docs/architecture.md, "libzmq, mended", tells each defect.
//! A mend that no longer fits its place ends the build: then somebody must look whether libzmq mended it itself.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// One change: the file, what stands there now, exactly once, and what is to stand there.
struct Mend {
    file: &'static str,
    before: &'static str,
    after: &'static str,
}

const MENDS: [Mend; 7] = [
    // A peer's routing id that starts with zero may be one that libzmq gives to another peer later, which it asserts
    // can't be. RFC 23 reserves those for libzmq; such a peer is now given one, as one without an id is.
    Mend {
        file: "router.cpp",
        before: "        if (msg.size () == 0) {\n            //  Fall back on the auto-generation",
        after: "        if (msg.size () == 0\n            || *static_cast<const unsigned char *> (msg.data ()) == 0) {\n            \
                //  Fall back on the auto-generation",
    },
    // After a request without a delimiter, read when its peer had gone, the next request's reply went nowhere.
    Mend {
        file: "router.cpp",
        before: "        _current_out = NULL;\n        _more_out = false;\n    }\n    return 0;\n}\n\n\
                 bool zmq::router_t::xhas_in ()",
        after: "        _current_out = NULL;\n    }\n    _more_out = false;\n    return 0;\n}\n\n\
                bool zmq::router_t::xhas_in ()",
    },
    // ZMTP 1.0 and 2.0 have no mechanism, and only a mechanism's end ended the handshake timer: it cut them off at work.
    Mend {
        file: "zmtp_engine.cpp",
        before: "    _process_msg = &zmtp_engine_t::push_msg_to_session;\n\n    return 0;\n}\n",
        after: "    if (_has_handshake_timer) {\n        cancel_timer (handshake_timer_id);\n        \
                _has_handshake_timer = false;\n    }\n    \
                _process_msg = &zmtp_engine_t::push_msg_to_session;\n\n    return 0;\n}\n",
    },
    // Not defects, but what libzmq doesn't tell otherwise, or only by a monitor that another thread must read all the time.
    // src/handoff/peers.rs is told that a reply is lost, since its peer's queue is full,…
    Mend {
        file: "router.cpp",
        before: "int zmq::router_t::xsend (msg_t *msg_)\n{\n    //  If this",
        after: "extern \"C\" void service_registry_reply_lost ();\n\n\
                int zmq::router_t::xsend (msg_t *msg_)\n{\n    //  If this",
    },
    Mend {
        file: "router.cpp",
        before: "                    const bool pipe_full = !_current_out->check_hwm ();\n",
        after: "                    const bool pipe_full = !_current_out->check_hwm ();\n                    \
                if (pipe_full)\n                        service_registry_reply_lost ();\n",
    },
    // …why a connection is given up (1: the handshake took too long, 2: the kernel gave up, 3: a fault in what was sent)…
    Mend {
        file: "stream_engine_base.cpp",
        before: "void zmq::stream_engine_base_t::error (error_reason_t reason_)\n{\n",
        after: "extern \"C\" void service_registry_peer_failed (int descriptor_, int why_);\n\n\
                void zmq::stream_engine_base_t::error (error_reason_t reason_)\n{\n    \
                service_registry_peer_failed (_s, reason_ == timeout_error      ? 1\n                                      \
                : reason_ == protocol_error   ? 3\n                                      \
                : errno == ETIMEDOUT          ? 2\n                                                                    \
                : 0);\n",
    },
    // …and that one is about to be closed.
    Mend {
        file: "stream_engine_base.cpp",
        before: "zmq::stream_engine_base_t::~stream_engine_base_t ()\n{\n    zmq_assert (!_plugged);\n",
        after: "extern \"C\" void service_registry_peer_gone (int descriptor_);\n\n\
                zmq::stream_engine_base_t::~stream_engine_base_t ()\n{\n    zmq_assert (!_plugged);\n    \
                service_registry_peer_gone (_s);\n",
    },
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let variable =
        |name: &str| PathBuf::from(env::var_os(name).unwrap_or_else(|| panic!("{name} is not set")));
    // What zmq-sys's build script tells those who depend on it.
    let (libzmq, out) = (variable("DEP_ZMQ_OUT"), variable("OUT_DIR"));
    let source = libzmq.join("source/src");
    let mut build = cc::Build::new();
    // As zeromq-src builds the rest for Linux: objects of both must agree on every class.
    build.cpp(true).include(libzmq.join("source/include")).include(&source).include(&libzmq);
    for (define, value) in [
        ("ZMQ_USE_CV_IMPL_STL11", "1"),
        ("ZMQ_STATIC", "1"),
        ("ZMQ_USE_BUILTIN_SHA1", "1"),
        ("ZMQ_HAVE_WS", "1"),
        ("ZMQ_IOTHREAD_POLLER_USE_EPOLL", "1"),
        ("ZMQ_POLL_BASED_ON_POLL", "1"),
        ("ZMQ_HAVE_IPC", "1"),
        ("HAVE_STRNLEN", "1"),
        ("ZMQ_HAVE_UIO", "1"),
    ] {
        build.define(define, value);
    }
    for file in ["router.cpp", "stream_engine_base.cpp", "zmtp_engine.cpp"] {
        build.file(mended(&source, file, &out));
    }
    build.warnings(false).link_lib_modifier("+whole-archive").compile("zmq_mended");
}

fn mended(source: &Path, file: &str, out: &Path) -> PathBuf {
    let original = source.join(file);
    let mut text =
        fs::read_to_string(&original).unwrap_or_else(|error| panic!("{}: {error}", original.display()));
    for Mend { before, after, .. } in MENDS.iter().filter(|mend| mend.file == file) {
        let places = text.matches(before).count();
        assert!(places == 1, "libzmq's {file} has {places} places for this mend, not one:\n{before}");
        text = text.replacen(before, after, 1);
    }
    let path = out.join(format!("mended_{file}"));
    fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path
}
