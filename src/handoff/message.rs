//! Messages that share their bytes with others. The zmq crate can only copy, or take bytes over for one message alone; a
//! list of 100,000 names that many peers wait for must be in memory once.

use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;

use zmq_sys::{zmq_msg_close, zmq_msg_init_data, zmq_msg_send, zmq_msg_t};

use super::peers;
use super::unread::{self, Share};
use crate::wire::shared::Shared;

/// What libzmq keeps of a message that it did not copy: our note that it is not read yet, and the bytes. In this order: a
/// piece is forgotten before its memory can be another's.
struct Kept {
    _share: Share,
    bytes: Shared,
}

/// Sends `bytes` as one frame, in answer to `request`, without copying them; they are given back, on any thread, when libzmq is
/// done with them. `Ok(false)`, and nothing sent: too much is unread already. Errors are those of zmq_msg_send(3).
pub fn send_shared(socket: &mut zmq::Socket, request: &mut zmq::Message, bytes: Shared) -> io::Result<bool> {
    // zmq_msg_get(3), ZMQ_SRCFD, by the name under which libzmq keeps it.
    let descriptor = request.gets("__fd").and_then(|descriptor| descriptor.parse().ok());
    let reader = descriptor.and_then(peers::of);
    let Some(share) = unread::note(bytes.as_ptr(), bytes.watch(), reader) else { return Ok(false) };
    let kept = Box::new(Kept { _share: share, bytes });
    let (start, length) = (kept.bytes.as_ptr().cast_mut().cast::<c_void>(), kept.bytes.len());
    let owner = Box::into_raw(kept);
    let mut message = MaybeUninit::<zmq_msg_t>::uninit();
    // SAFETY: `message` is room for one message, and `start` to `length` stays readable until `release` is given `owner`,
    // which libzmq does once, when the last copy of the message is closed. Nothing writes to a message on its way out.
    let made = unsafe { zmq_msg_init_data(message.as_mut_ptr(), start, length, Some(release), owner.cast()) };
    if made != 0 {
        let error = io::Error::last_os_error();
        // SAFETY: without a message nobody else will ever release it (zmq_msg_init_data(3), ENOMEM).
        drop(unsafe { Box::from_raw(owner) });
        return Err(error);
    }
    loop {
        // SAFETY: the socket is open for as long as it is borrowed; `message` was initialised above.
        if unsafe { zmq_msg_send(message.as_mut_ptr(), socket.as_mut_ptr(), 0) } >= 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            // SAFETY: a message that could not be sent is still ours to close (zmq_msg_send(3)).
            unsafe { zmq_msg_close(message.as_mut_ptr()) };
            return Err(error);
        }
    }
}

/// What zmq_msg_init_data(3) calls zmq_free_fn.
unsafe extern "C" fn release(_data: *mut c_void, owner: *mut c_void) {
    // SAFETY: `owner` is the pointer that `send_shared` made from a box, and comes back once.
    drop(unsafe { Box::from_raw(owner.cast::<Kept>()) });
}
