//! What wakes the follower: a bell, which it hears when it has rested, and an alarm, which it hears on the spot. Counters of
//! the kernel, so that a thread can wait for them and for sockets at once.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io;

pub(super) struct Bells {
    bell: OwnedFd,
    alarm: OwnedFd,
    /// Whether the bell has been rung and not been heard, so that there is no use in ringing it again.
    rung: AtomicBool,
}

impl Bells {
    pub(super) fn new() -> io::Result<Bells> {
        let eventfd = || eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        Ok(Bells { bell: eventfd()?, alarm: eventfd()?, rung: AtomicBool::new(false) })
    }

    /// The bell and the alarm, to wait for.
    pub(super) fn both(&self) -> [&OwnedFd; 2] {
        [&self.bell, &self.alarm]
    }

    /// There is something to do, and nobody waits for it.
    pub(super) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            ring(&self.bell);
        }
    }

    /// Somebody waits.
    pub(super) fn alarm(&self) {
        ring(&self.alarm);
    }

    /// Silences both until they are rung again. What they were rung for is looked at after this, never before.
    pub(super) fn hush(&self) {
        for bell in self.both() {
            let _ = io::read(bell, &mut [0; 8]);
        }
        // Behind the reads: who rings in between finds that it has been rung, and what it is about is looked at next.
        self.rung.swap(false, Ordering::AcqRel);
    }
}

/// It is a counter, and full only where nobody has listened for 2^64 rings.
fn ring(bell: &OwnedFd) {
    let _ = io::write(bell, &1u64.to_ne_bytes());
}
