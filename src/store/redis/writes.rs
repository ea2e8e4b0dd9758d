//! Whether a write is worth trying, where Redis can be asked: not while too few replicas have what is written, and not at once
//! after one that wasn't answered. Numbers that threads read without a lock; the clock is the owner's.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::mirror::Millis;

/// For how long no write is tried after one that wasn't answered, where the connection came back: at first, and at most.
/// Redis may answer everything else, as with CLIENT PAUSE WRITE, and each write would wait in vain.
const BAR: Millis = 1000;
const LONGEST_BAR: Millis = 10_000;

#[derive(Default)]
pub(super) struct Writes {
    short: AtomicBool,
    refused: AtomicBool,
    barred_until: AtomicU64,
    bar: AtomicU64,
}

impl Writes {
    /// Notes that Redis took none; with `short`, that too few replicas have it.
    pub(super) fn refuse(&self, short: bool) {
        self.short.store(short, Ordering::Release);
        self.refused.store(true, Ordering::Release);
    }

    /// Notes that one wasn't answered.
    pub(super) fn bar(&self, now: Millis) {
        let bar = (self.bar.load(Ordering::Acquire) * 2).clamp(BAR, LONGEST_BAR);
        self.bar.store(bar, Ordering::Release);
        self.barred_until.store(now + bar, Ordering::Release);
    }

    /// Notes that one was taken, or would be. Gives whether that is news.
    pub(super) fn accept(&self) -> bool {
        if self.bar.load(Ordering::Acquire) > 0 {
            self.bar.store(0, Ordering::Release);
            self.barred_until.store(0, Ordering::Release);
        }
        if !self.refused.load(Ordering::Acquire) {
            return false;
        }
        self.short.store(false, Ordering::Release);
        self.refused.swap(false, Ordering::AcqRel)
    }

    /// Notes another connection, which has refused nothing yet.
    pub(super) fn begin(&self) {
        self.short.store(false, Ordering::Release);
        self.refused.store(false, Ordering::Release);
    }

    /// Whether too few replicas have what is written.
    pub(super) fn is_short(&self) -> bool {
        self.short.load(Ordering::Acquire)
    }

    /// Whether one wasn't answered a moment before `now`.
    pub(super) fn is_barred(&self, now: Millis) -> bool {
        now < self.barred_until.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_write_that_is_not_answered_bars_others_for_longer() {
        let writes = Writes::default();
        assert!(!writes.is_barred(0));
        for bar in [1000, 2000, 4000, 8000, 10_000, 10_000] {
            writes.bar(500);
            assert!(writes.is_barred(500 + bar - 1) && !writes.is_barred(500 + bar), "{bar}");
        }
        // A new connection is no reason to try.
        writes.begin();
        assert!(writes.is_barred(501));
        writes.accept();
        assert!(!writes.is_barred(501));
        writes.bar(0);
        assert!(!writes.is_barred(1000));
    }

    #[test]
    fn only_the_first_that_is_taken_after_a_refusal_is_news() {
        let writes = Writes::default();
        assert!(!writes.accept());
        writes.refuse(true);
        assert!(writes.is_short());
        assert_eq!([writes.accept(), writes.accept(), writes.is_short()], [true, false, false]);
    }
}
