//! `--backend redis` from outside: real redis-servers, started by these tests on free ports, and one instance or more of
//! the daemon in front of each. What is promised is in docs/protocol.md and docs/high-availability.md; each file here
//! is a chapter of it.

// Not all of it is used yet.
#[allow(dead_code)]
pub(crate) mod relay;
#[allow(dead_code, unused_imports)]
pub(crate) mod server;

mod equipment;
