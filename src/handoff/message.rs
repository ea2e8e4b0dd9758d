//! Messages that share their bytes with others. The zmq crate can only copy, or take bytes over for one message alone; a
//! list of 100,000 names that many peers wait for must be in memory once.

use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;

use zmq_sys::{zmq_msg_close, zmq_msg_init_data, zmq_msg_send, zmq_msg_t};

use super::peers;
use super::unread::{self, Share};

/// What libzmq keeps of a message that it did not copy: the bytes, and our note that they are not read yet.
struct Kept<T> {
    bytes: T,
    _share: Share,
}

/// Sends `bytes` as one frame, in answer to `request`, without copying them; they are dropped, on any thread, when libzmq is
/// done with them. `Ok(false)`, and nothing sent: peers leave too much unread.
///
/// Errors are those of zmq_msg_send(3). `bytes` must give the same slice each time, wherever it is moved.
pub fn send_shared<T>(socket: &mut zmq::Socket, request: &mut zmq::Message, bytes: T) -> io::Result<bool>
where
    T: AsRef<[u8]> + Send + 'static,
{
    // zmq_msg_get(3), ZMQ_SRCFD, by the name under which libzmq keeps it.
    let descriptor = request.gets("__fd").and_then(|descriptor| descriptor.parse().ok());
    let data = bytes.as_ref();
    let Some(share) = unread::note(data.as_ptr(), data.len(), descriptor.and_then(peers::of)) else {
        return Ok(false);
    };
    send_kept(socket, Kept { bytes, _share: share }).map(|()| true)
}

fn send_kept<T: AsRef<[u8]>>(socket: &mut zmq::Socket, kept: Kept<T>) -> io::Result<()> {
    let kept = Box::new(kept);
    let data = kept.bytes.as_ref();
    let (start, length) = (data.as_ptr().cast_mut().cast::<c_void>(), data.len());
    let owner = Box::into_raw(kept);
    let mut message = MaybeUninit::<zmq_msg_t>::uninit();
    // SAFETY: `message` is room for one message, and `start` to `length` stays readable until `release` is given `owner`,
    // which libzmq does once, when the last copy of the message is closed. Nothing writes to a message on its way out.
    let made =
        unsafe { zmq_msg_init_data(message.as_mut_ptr(), start, length, Some(release::<T>), owner.cast()) };
    if made != 0 {
        let error = io::Error::last_os_error();
        // SAFETY: without a message nobody else will ever release it (zmq_msg_init_data(3), ENOMEM).
        drop(unsafe { Box::from_raw(owner) });
        return Err(error);
    }
    loop {
        // SAFETY: the socket is open for as long as it is borrowed; `message` was initialised above.
        if unsafe { zmq_msg_send(message.as_mut_ptr(), socket.as_mut_ptr(), 0) } >= 0 {
            return Ok(());
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
unsafe extern "C" fn release<T>(_data: *mut c_void, owner: *mut c_void) {
    // SAFETY: `owner` is the pointer that `send_kept` made from a box, and comes back once.
    drop(unsafe { Box::from_raw(owner.cast::<Kept<T>>()) });
}
