//! What the patched libzmq calls, and whom: its hooks (build/libzmq/patches/hook), which hold for the whole process and are
//! set before it has a socket. They run on libzmq's I/O threads, but for a lost reply, which the thread that sends hears of.

use std::ffi::c_int;
use std::os::fd::IntoRawFd;
use std::sync::Once;

use super::{accept, peers};

unsafe extern "C" {
    fn zmq_set_accept_hook(accept: Option<extern "C" fn(c_int) -> c_int>);
    fn zmq_set_connection_hooks(
        failed: Option<extern "C" fn(c_int, c_int)>,
        closing: Option<extern "C" fn(c_int)>,
    );
    fn zmq_set_loss_hook(lost: Option<extern "C" fn()>);
}

/// The patches that this build's libzmq has, as their build reads it.
const SERIES: &str = include_str!("../../build/libzmq/patches/series");

/// Which libzmq is linked: `4.3.5 with 22 patches`.
pub fn libzmq() -> String {
    let (major, minor, patch) = zmq::version();
    let patches = SERIES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    format!("{major}.{minor}.{patch} with {patches} patches")
}

/// A libzmq context whose sockets [`bind`](super::bind) can give a gate's connections.
pub fn context() -> zmq::Context {
    static SET: Once = Once::new();
    SET.call_once(|| {
        // SAFETY: the functions live as long as the process. The hooks are plain pointers that libzmq's threads read; those start
        // with a context's first socket, and nobody but this function makes a context, after the hooks are set.
        unsafe {
            zmq_set_accept_hook(Some(accept_next));
            zmq_set_connection_hooks(Some(connection_failed), Some(connection_closing));
            zmq_set_loss_hook(Some(reply_lost));
        }
    });
    zmq::Context::new()
}

/// In place of accept(2) on the descriptor that libzmq listens on: a connection that speaks ZMTP, or -1 and an `errno` of
/// those that libzmq expects.
extern "C" fn accept_next(listener: c_int) -> c_int {
    match accept::next(listener) {
        Ok(stream) => stream.into_raw_fd(),
        Err(error) => {
            // SAFETY: the location of this thread's errno is always valid and only this thread's.
            unsafe { *libc::__errno_location() = error.raw_os_error() };
            -1
        }
    }
}

/// libzmq is about to give up this peer's connection.
extern "C" fn connection_failed(descriptor: c_int, reason: c_int) {
    peers::fail(descriptor, reason);
}

/// libzmq is about to close this descriptor, which may be another's in a moment.
extern "C" fn connection_closing(descriptor: c_int) {
    peers::leave(descriptor);
}

/// libzmq drops a reply for which its peer, which does not read, has no room.
extern "C" fn reply_lost() {
    peers::count_lost_reply();
}
