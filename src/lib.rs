//! The service registry: agents that talk over ZeroMQ register their endpoints, and others find them by name.
//!
//! The rooms, in the order a request walks through them; docs/architecture.md tells why they are as they are, and who
//! may know whom.

pub mod config;
pub mod journal;
pub mod stop;

pub mod classify;
pub mod door;
pub mod handoff;
pub mod listen;
pub mod slots;

pub mod http;
pub mod rep;

pub mod act;
pub mod health;
pub mod record;
pub mod store;
pub mod wire;
