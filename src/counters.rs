//! What the network does to us, counted: one number for each way. Any room may count, the health object tells. Never
//! decides anything.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of both ports together, since the start.
#[derive(Default)]
pub struct Counters {
    /// Connections past a limit.
    pub refused: Counter,
    /// Connections closed because something took too long.
    pub timed_out: Counter,
    /// What can't be answered as asked: neither protocol, malformed HTTP or ZMTP, invalid requests.
    pub bad_requests: Counter,
    /// Replies that a ZMTP peer had no room for, because it does not read.
    pub lost_replies: Counter,
    /// How often listening paused for want of file descriptors.
    pub accept_pauses: Counter,
}

/// One number that only grows.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
