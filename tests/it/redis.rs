//! `--backend redis` from outside: real redis-servers, started by these tests on free ports, and one instance or more of
//! the daemon in front of each. What is promised is in docs/protocol.md and docs/high-availability.md; each file here
//! is a chapter of it.

// The harness: servers, a network, and the daemon in front of them.
#[cfg(feature = "tls")]
mod authority;
#[cfg(feature = "tls")]
mod guarded;
mod instance;
#[allow(dead_code)] // another program has these two as well, and uses more of them
pub(crate) mod relay;
#[allow(dead_code)]
pub(crate) mod server;
mod witness;

mod behind;
mod bounds;
pub(crate) mod connecting;
mod equipment;
mod faults;
mod instances;
mod kept;
mod layout;
mod links;
mod pace;
mod replicas;
mod starting;
mod strangers;
#[cfg(feature = "tls")]
mod tls;
