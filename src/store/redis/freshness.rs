//! How fresh what is known is: when the last PING was sent that Redis has answered behind all that it told before. Numbers that
//! threads read without a lock; the clock is the owner's.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::mirror::Millis;

/// How old what Redis told last may be for the mirror to answer.
const FRESH: Millis = 1000;

/// Moments are one later than on the clock: 0 is none.
#[derive(Default)]
pub(super) struct Freshness {
    heard: AtomicU64,
    /// The same of the subscription before this one: what was known then is as fresh as that.
    before: AtomicU64,
    /// Whether anybody has looked since the follower last sent a PING.
    asked: AtomicBool,
}

impl Freshness {
    /// Notes that all has been told that Redis did until `sent`.
    pub(super) fn hear(&self, sent: Millis) {
        self.heard.fetch_max(sent + 1, Ordering::AcqRel);
    }

    /// Notes that another subscription tells from now on: of what it tells nothing has been heard.
    pub(super) fn begin(&self) {
        self.before.store(self.heard.swap(0, Ordering::AcqRel), Ordering::Release);
    }

    /// Whether what is known is no older than a mirror may be at `now`.
    pub(super) fn is_fresh(&self, now: Millis) -> bool {
        is_fresh(self.heard.load(Ordering::Acquire), now)
    }

    /// Whether that may still be said of what was known when the last connection was lost. A reload takes less time than that
    /// most often, and is not noticed.
    pub(super) fn was_fresh(&self, now: Millis) -> bool {
        is_fresh(self.before.load(Ordering::Acquire), now)
    }

    /// Notes that somebody looks; true for the first who does since the last PING.
    pub(super) fn ask(&self) -> bool {
        !self.asked.load(Ordering::Relaxed) && !self.asked.swap(true, Ordering::AcqRel)
    }

    /// Whether anybody has looked.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// A PING is sent.
    pub(super) fn forget_asked(&self) {
        self.asked.store(false, Ordering::Release);
    }
}

fn is_fresh(heard: u64, now: Millis) -> bool {
    heard > 0 && now < heard + FRESH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_is_fresh_for_a_second() {
        let freshness = Freshness::default();
        assert!(!freshness.is_fresh(0));
        freshness.hear(0);
        freshness.hear(500);
        freshness.hear(400);
        assert!(freshness.is_fresh(1500) && !freshness.is_fresh(1501));
    }

    #[test]
    fn a_new_subscription_has_told_nothing() {
        let freshness = Freshness::default();
        freshness.hear(500);
        freshness.begin();
        assert!(!freshness.is_fresh(501) && freshness.was_fresh(1500) && !freshness.was_fresh(1501));
        freshness.hear(2000);
        assert!(freshness.is_fresh(2001) && !freshness.was_fresh(2001));
    }

    #[test]
    fn the_first_who_asks_is_told_so() {
        let freshness = Freshness::default();
        assert_eq!([freshness.ask(), freshness.ask(), freshness.is_asked()], [true, false, true]);
        freshness.forget_asked();
        assert_eq!([freshness.is_asked(), freshness.ask()], [false, true]);
    }
}
