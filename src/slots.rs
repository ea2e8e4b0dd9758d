//! How many connections a port may hold outside libzmq. A [`Slot`] is the right to one of them and frees it when dropped,
//! so that no path through the door can forget to. Knows no sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A port's slots.
pub struct Slots {
    taken: AtomicUsize,
    limit: usize,
}

/// One connection's slot; dropping it frees it.
pub struct Slot {
    slots: Arc<Slots>,
}

impl Slots {
    /// `limit` free slots.
    pub fn new(limit: usize) -> Arc<Slots> {
        Arc::new(Slots { taken: AtomicUsize::new(0), limit })
    }

    /// Takes a slot, unless all are taken.
    pub fn take(self: &Arc<Slots>) -> Option<Slot> {
        let claim = |taken: usize| (taken < self.limit).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim).ok()?;
        Some(Slot { slots: Arc::clone(self) })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_slot_is_free_again() {
        let slots = Slots::new(2);
        let first = slots.take();
        let second = slots.take();
        assert!(first.is_some() && second.is_some());
        assert!(slots.take().is_none());
        drop(first);
        assert!(slots.take().is_some());
    }
}
