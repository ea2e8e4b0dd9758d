//! The peers that libzmq has, by descriptor: each peer's pass lies here until libzmq is about to close its connection.
//! libzmq's hooks (hooks.rs) tell of it by the functions at the end, which count and note, and never wait.

use std::collections::HashMap;
use std::ffi::c_int;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown, sockopt};

use super::gate::{Notice, Notify};
use crate::admission::Pass;
use crate::counters::Counters;

/// Every peer of every gate.
static PEERS: LazyLock<Mutex<Peers>> = LazyLock::new(Mutex::default);
/// Whom to tell of what libzmq tells us.
static COUNTERS: OnceLock<Arc<Counters>> = OnceLock::new();
static WAKE: OnceLock<Arc<Notify>> = OnceLock::new();
/// Whether a crowd has left since the last look.
static CROWD_LEFT: AtomicBool = AtomicBool::new(false);
/// How many peers are a crowd: what they leave behind in the allocator is worth looking for.
const CROWD: usize = 64;

#[derive(Default)]
struct Peers {
    /// A descriptor is one connection's until libzmq has told that it is gone.
    here: HashMap<RawFd, Peer>,
    /// How many there were.
    number: u64,
    /// How many were here at the same time, since a crowd left last.
    most: usize,
}

struct Peer {
    number: u64,
    address: SocketAddr,
    is_cut: bool,
    _pass: Pass,
}

/// One peer, never mistaken for a later one that got its descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PeerId {
    pub(super) descriptor: RawFd,
    pub(super) number: u64,
}

/// From now on libzmq's word is counted here, and the door is woken by this. The first gate's will do: all have the same.
pub(super) fn report_to(counters: &Arc<Counters>, wake: &Arc<Notify>) {
    COUNTERS.get_or_init(|| Arc::clone(counters));
    WAKE.get_or_init(|| Arc::clone(wake));
}

/// Notes a connection that libzmq is about to get.
pub(super) fn enter(stream: BorrowedFd<'_>, address: SocketAddr, pass: Pass) {
    let mut peers = peers();
    peers.number += 1;
    let peer = Peer { number: peers.number, address, is_cut: false, _pass: pass };
    peers.here.insert(stream.as_raw_fd(), peer);
    peers.most = peers.most.max(peers.here.len());
}

/// Whether a crowd has left since this was asked last. [`Notice::Deadline`] comes when one does.
pub fn has_crowd_left() -> bool {
    CROWD_LEFT.swap(false, Ordering::AcqRel)
}

/// The peer that has this descriptor now.
pub(super) fn of(descriptor: RawFd) -> Option<PeerId> {
    let number = peers().here.get(&descriptor)?.number;
    Some(PeerId { descriptor, number })
}

/// Ends a peer's connection; libzmq sees its end and closes it.
pub(super) fn cut(id: PeerId) {
    let mut peers = peers();
    let meant = |peer: &&mut Peer| peer.number == id.number && !peer.is_cut;
    let Some(peer) = peers.here.get_mut(&id.descriptor).filter(meant) else { return };
    peer.is_cut = true;
    // SAFETY: who is in the table has not been closed yet, and can't be while the table is locked.
    let stream = unsafe { BorrowedFd::borrow_raw(id.descriptor) };
    // The only failure is a connection that has ended by itself.
    let _ = shutdown(stream, Shutdown::Both);
    COUNTERS.get().inspect(|counters| counters.lost_replies.add());
    log::debug!("closed {}: it left too many different replies unread", peer.address);
}

fn peers() -> MutexGuard<'static, Peers> {
    PEERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why libzmq gives up a connection: its `ZMQ_CONNECTION_…`, of which 0 is that the peer has closed it.
fn count(counters: &Counters, why: c_int) -> Option<&'static str> {
    let (counter, text) = match why {
        1 => (&counters.timed_out, "its ZMTP handshake was not done after 5 s, or its heartbeats ended"),
        2 => (&counters.timed_out, "it took none of its replies for 10 s, or its host is gone"),
        3 => (&counters.bad_requests, "what it sent is not ZMTP as it is spoken here, or over 128 KiB"),
        _ => return None,
    };
    counter.add();
    Some(text)
}

/// Whether the kernel has given the connection up, and libzmq, which had stopped reading it, doesn't know why it has ended.
fn has_timed_out(descriptor: c_int) -> bool {
    // SAFETY: libzmq has the connection open until it says that the peer is gone, on this very thread.
    let stream = unsafe { BorrowedFd::borrow_raw(descriptor) };
    matches!(sockopt::socket_error(stream), Ok(Err(Errno::TIMEDOUT)))
}

/// Counts a peer whose connection libzmq is about to give up.
pub(super) fn fail(descriptor: RawFd, why: c_int) {
    let why = if why == 0 && has_timed_out(descriptor) { 2 } else { why };
    let Some(text) = COUNTERS.get().and_then(|counters| count(counters, why)) else { return };
    if log::log_enabled!(log::Level::Debug) {
        let address = peers().here.get(&descriptor).map(|peer| peer.address);
        address.inspect(|address| log::debug!("closed {address}: {text}"));
    }
}

/// Forgets a peer whose descriptor libzmq is about to close.
pub(super) fn leave(descriptor: RawFd) {
    let mut peers = peers();
    let gone = peers.here.remove(&descriptor);
    let has_crowd_left = peers.most - peers.here.len() >= CROWD;
    if has_crowd_left {
        peers.most = peers.here.len();
    }
    // A pass gives its slots back outside the lock.
    drop(peers);
    drop(gone);
    if has_crowd_left && !CROWD_LEFT.swap(true, Ordering::AcqRel) {
        WAKE.get().inspect(|wake| wake(Notice::Deadline));
    }
}

/// Counts a reply for which its peer has no room.
pub(super) fn count_lost_reply() {
    if let Some(counters) = COUNTERS.get() {
        counters.lost_replies.add();
    }
}
