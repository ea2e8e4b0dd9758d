//! The wire contract as pure functions: request bytes become a [`Request`](parse::Request), a [`Reply`](reply::Reply)
//! becomes bytes. Runs on whichever thread asks; it must never know a store, a clock, a socket or a transport.

pub mod code;
mod members;
pub mod parse;
pub mod registration;
pub mod render;
pub mod reply;
pub mod scan;
pub mod shared;

/// The largest request, in bytes, over any transport.
pub const MAX_REQUEST: usize = 128 * 1024;
