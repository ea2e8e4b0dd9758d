//! Which gate's connections a socket gets. libzmq listens on a gate's epoll instance (`ZMQ_USE_FD`) and, when that is
//! readable, calls the accept hook (hooks.rs), which asks here for the next connection.

use std::io;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::{Arc, PoisonError, RwLock};

use rustix::io::Errno;

use super::gate::Gate;
use super::options::use_fd;
use super::peers;

/// The gates by the descriptor that libzmq listens on. Few, and written only at the start. A static, since libzmq's hook has
/// no argument to carry it.
static GATES: RwLock<Vec<(RawFd, Arc<Gate>)>> = RwLock::new(Vec::new());

/// Gives `socket`, of a [`context`](super::context) with hooks, the connections that come through `gate`.
pub fn bind(socket: &mut zmq::Socket, gate: &Arc<Gate>) -> io::Result<()> {
    peers::report_to(gate.counters(), gate.notify());
    // libzmq closes the descriptor it listens on, so it gets one of its own for the same epoll instance.
    let descriptor = gate.readiness().try_clone_to_owned()?;
    GATES.write().unwrap_or_else(PoisonError::into_inner).push((descriptor.as_raw_fd(), Arc::clone(gate)));
    use_fd(socket, descriptor.as_raw_fd())?;
    // The address is ignored beside the descriptor (libzmq, zmq_setsockopt(3), ZMQ_USE_FD).
    socket.bind("tcp://127.0.0.1:1").map_err(io::Error::other)?;
    // From here on it is libzmq's, which closes it with the socket.
    let _ = descriptor.into_raw_fd();
    Ok(())
}

/// The next connection for libzmq's listener on `descriptor`, or one of [`Gate::next`]'s errors.
pub(super) fn next(descriptor: RawFd) -> Result<OwnedFd, Errno> {
    let gates = GATES.read().unwrap_or_else(PoisonError::into_inner);
    let gate = gates.iter().find(|(known, _)| *known == descriptor).map(|(_, gate)| Arc::clone(gate));
    drop(gates);
    debug_assert!(gate.is_some(), "libzmq listens on nothing but gates");
    gate.ok_or(Errno::AGAIN)?.next()
}
