//! How libzmq gets its connections: from us, one at a time, each already known to speak ZMTP. libzmq has no call that
//! adopts a connection, so its "listening descriptor" is a [`Gate`]'s epoll instance, and the `accept` that libzmq calls
//! on it is ours. This is the only room that may hold `unsafe`. It never parses a byte beyond the first, and never writes.

#[allow(unsafe_code)]
mod accept;
mod gate;
#[allow(unsafe_code)]
mod message;
#[allow(unsafe_code)]
mod options;
#[allow(unsafe_code)]
mod peers;
mod unread;

pub use accept::{bind, prove};
pub use gate::{Arrival, Gate, Notice};
pub use message::send_shared;
pub use peers::has_crowd_left;
