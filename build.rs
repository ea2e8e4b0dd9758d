//! Builds the mended parts of libzmq. zmq-sys has built libzmq by now and left its source beside it; the files concerned are
//! copied, changed (build/mends.rs), compiled, and linked in place of the originals: an archive gives only what is still
//! missing. A mend that no longer fits its place ends the build: then somebody must look whether libzmq mended it itself.

#[path = "build/mends.rs"]
mod mends;

use std::path::{Path, PathBuf};
use std::{env, fs};

use mends::{FILES, HEADERS, MENDS, Mend};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build/mends.rs");
    let variable =
        |name: &str| PathBuf::from(env::var_os(name).unwrap_or_else(|| panic!("{name} is not set")));
    // What zmq-sys's build script tells those who depend on it.
    let (libzmq, out) = (variable("DEP_ZMQ_OUT"), variable("OUT_DIR"));
    let source = libzmq.join("source/src");
    // Mended headers are found first: beside the mended files that include them.
    for header in HEADERS {
        let mended = mended(&source, header, &out);
        fs::copy(&mended, out.join(header)).unwrap_or_else(|error| panic!("{}: {error}", mended.display()));
    }
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
        // zeromq-src doesn't look for eventfd(2): libzmq's threads woke each other over socket pairs, at three times the cost.
        // Only ip.cpp and signaler.cpp read these.
        ("ZMQ_HAVE_EVENTFD", "1"),
        ("ZMQ_HAVE_EVENTFD_CLOEXEC", "1"),
    ] {
        build.define(define, value);
    }
    for file in FILES {
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
