//! Compiles the patched tree and tells Cargo to link it. What is switched on is in `platform.hpp`; what isn't compiled at
//! all are transports and mechanisms that the daemon doesn't have.

use std::env;
use std::path::Path;

use crate::variable;

/// libzmq's own translation units for TCP, inproc and what its API names, with the NULL and PLAIN mechanisms.
const UNITS: &[&str] = &[
    "address",
    "channel",
    "client",
    "clock",
    "ctx",
    "dealer",
    "decoder_allocators",
    "dgram",
    "dish",
    "dist",
    "endpoint",
    "epoll",
    "err",
    "fq",
    "gather",
    "io_object",
    "io_thread",
    "ip",
    "ip_resolver",
    "lb",
    "mailbox",
    "mailbox_safe",
    "mechanism",
    "mechanism_base",
    "metadata",
    "msg",
    "mtrie",
    "null_mechanism",
    "object",
    "options",
    "own",
    "pair",
    "peer",
    "pipe",
    "plain_client",
    "plain_server",
    "poller_base",
    "polling_util",
    "proxy",
    "pub",
    "pull",
    "push",
    "radio",
    "radix_tree",
    "random",
    "raw_decoder",
    "raw_encoder",
    "raw_engine",
    "reaper",
    "rep",
    "req",
    "router",
    "scatter",
    "server",
    "session_base",
    "signaler",
    "socket_base",
    "socket_poller",
    "socks",
    "socks_connecter",
    "stream",
    "stream_connecter_base",
    "stream_engine_base",
    "stream_listener_base",
    "sub",
    "tcp",
    "tcp_address",
    "tcp_connecter",
    "tcp_listener",
    "thread",
    "timers",
    "trie",
    "udp_address",
    "udp_engine",
    "v1_decoder",
    "v1_encoder",
    "v2_decoder",
    "v2_encoder",
    "v3_1_encoder",
    "xpub",
    "xsub",
    "zap_client",
    "zmq",
    "zmq_utils",
    "zmtp_engine",
];

/// What it can be compiled with (gcc(1), -fsanitize).
const SANITIZERS: [&str; 3] = ["address", "thread", "undefined"];

/// Compiles `tree` into `libzmq.a` in `out`.
pub(crate) fn compile(tree: &Path, out: &Path) -> Result<(), String> {
    let system = variable("CARGO_CFG_TARGET_OS")?;
    if system != "linux" {
        return Err(format!("it is built for Linux alone, not for {system}"));
    }
    let source = tree.join("src");
    let mut build = cc::Build::new();
    build.cpp(true).std("c++11").warnings(false).include(tree.join("include")).include(&source);
    build.files(UNITS.iter().map(|unit| source.join(unit).with_extension("cpp")));
    println!("cargo:rerun-if-env-changed=LIBZMQ_SANITIZE");
    if let Some(sanitizer) = sanitizer()? {
        build.flag(format!("-fsanitize={sanitizer}")).flag("-fno-omit-frame-pointer").flag("-g");
    }
    build.out_dir(out).try_compile("zmq").map_err(|why| why.to_string())
}

/// What `LIBZMQ_SANITIZE` asks for; an empty one counts as unset.
fn sanitizer() -> Result<Option<String>, String> {
    match env::var("LIBZMQ_SANITIZE").unwrap_or_default() {
        none if none.is_empty() => Ok(None),
        known if SANITIZERS.contains(&known.as_str()) => Ok(Some(known)),
        other => Err(format!("LIBZMQ_SANITIZE is {other:?}, must be one of {}", SANITIZERS.join(", "))),
    }
}
