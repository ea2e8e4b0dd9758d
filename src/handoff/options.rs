//! The socket option that the zmq crate has no setter for.

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::size_of;
use std::os::fd::RawFd;

/// zmq_setsockopt(3): "set the pre-allocated socket file descriptor". zmq-sys has no constant for it.
const ZMQ_USE_FD: c_int = 89;

/// Makes the next `bind` listen on `descriptor`.
pub(super) fn use_fd(socket: &mut zmq::Socket, descriptor: RawFd) -> io::Result<()> {
    let descriptor: *const c_int = &raw const descriptor;
    // SAFETY: the socket is open for as long as it is borrowed, and zmq_setsockopt(3) reads one int and keeps nothing.
    let result = unsafe {
        zmq_sys::zmq_setsockopt(
            socket.as_mut_ptr(),
            ZMQ_USE_FD,
            descriptor.cast::<c_void>(),
            size_of::<c_int>(),
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
