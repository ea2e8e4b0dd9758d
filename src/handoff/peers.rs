//! The peers that libzmq has, by descriptor: each peer's pass lies here until libzmq is about to close its connection. The
//! mended libzmq (build.rs) says so by the functions at the end, on its I/O threads; they count and note, and never wait.

use std::collections::HashMap;
use std::ffi::c_int;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::admission::Pass;
use crate::counters::Counters;

/// Every peer of every gate. A descriptor is one connection's until libzmq has told that it is gone.
static PEERS: Mutex<Option<HashMap<RawFd, Peer>>> = Mutex::new(None);
/// For what libzmq can't tell of a single peer.
static COUNTERS: OnceLock<Arc<Counters>> = OnceLock::new();

struct Peer {
    address: SocketAddr,
    _pass: Pass,
}

/// Notes a connection that libzmq is about to get.
pub(super) fn enter(stream: BorrowedFd<'_>, address: SocketAddr, pass: Pass, counters: &Arc<Counters>) {
    COUNTERS.get_or_init(|| Arc::clone(counters));
    let peer = Peer { address, _pass: pass };
    peers().get_or_insert_default().insert(stream.as_raw_fd(), peer);
}

fn peers() -> MutexGuard<'static, Option<HashMap<RawFd, Peer>>> {
    PEERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why libzmq gives up a connection, as build.rs numbers it.
fn count(counters: &Counters, why: c_int) -> Option<&'static str> {
    let (counter, text) = match why {
        1 => (&counters.timed_out, "its ZMTP handshake was not done after 5 s"),
        2 => (&counters.timed_out, "it took none of its replies for 10 s, or its host is gone"),
        3 => (&counters.bad_requests, "what it sent is not ZMTP as it is spoken here, or over 128 KiB"),
        _ => return None,
    };
    counter.add();
    Some(text)
}

/// libzmq is about to give up this peer's connection.
#[unsafe(no_mangle)]
extern "C" fn service_registry_peer_failed(descriptor: c_int, why: c_int) {
    let Some(text) = COUNTERS.get().and_then(|counters| count(counters, why)) else { return };
    if log::log_enabled!(log::Level::Debug) {
        let address = peers().as_ref().and_then(|peers| Some(peers.get(&descriptor)?.address));
        address.inspect(|address| log::debug!("closed {address}: {text}"));
    }
}

/// libzmq is about to close this descriptor, which may be another's in a moment.
#[unsafe(no_mangle)]
extern "C" fn service_registry_peer_gone(descriptor: c_int) {
    let gone = peers().as_mut().and_then(|peers| peers.remove(&descriptor));
    drop(gone);
}

/// libzmq drops a reply for which its peer, which does not read, has no room.
#[unsafe(no_mangle)]
extern "C" fn service_registry_reply_lost() {
    if let Some(counters) = COUNTERS.get() {
        counters.lost_replies.add();
    }
}
