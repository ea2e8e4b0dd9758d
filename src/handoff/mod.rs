//! How libzmq gets its connections: from us, one at a time, each already known to speak ZMTP. libzmq has no call that
//! adopts a connection, so its "listening descriptor" is a [`Gate`]'s epoll instance, and what accepts on it is a hook of
//! ours. This is the only room that may hold `unsafe`. It never parses a byte beyond the first, and never writes.

mod accept;
mod gate;
#[allow(unsafe_code)]
mod hooks;
#[allow(unsafe_code)]
mod message;
#[allow(unsafe_code)]
mod options;
#[allow(unsafe_code)]
mod peers;
mod unread;

pub use accept::bind;
pub use gate::{Arrival, Gate, Notice};
pub use hooks::{context, libzmq};
pub use message::send_shared;
pub use peers::has_crowd_left;
