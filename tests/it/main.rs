//! The tests from outside: the real binary as a process of its own, spoken to over real sockets by the clients that
//! people use (libzmq, pyzmq, curl) and by raw bytes. Nothing here ever imports the crate: what these tests know of it
//! is the wire contract, its command line and its log.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

// The harness: one process, and the clients that speak to it.
mod agent;
mod answer;
mod conversation;
mod curl;
mod process;
mod python;
mod raw;
mod registry;

// The wire contract.
mod bad_requests;
mod clients;
mod peers;
mod properties;
mod protocol;
mod redis;

// The daemon as a process, and what is written about it.
mod configuration;
mod documents;
mod handoff;
mod healthcheck;
mod hostile;
mod http;
mod logging;
mod signals;
mod state;
mod stop;
mod storms;
mod supervisor;
