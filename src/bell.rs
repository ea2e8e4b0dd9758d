//! A bell for one who waits for anything to change. Ringing it costs a look at a flag while nobody waits. Knows neither what
//! changes nor who waits.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// See the top of the file.
#[derive(Default)]
pub struct Bell {
    /// Whether it has rung since it was last waited for.
    rung: AtomicBool,
    /// Held while `rung` is set, so that nobody begins to wait in between.
    lock: Mutex<()>,
    waiting: Condvar,
}

impl Bell {
    /// Wakes who waits, or who waits next.
    pub fn ring(&self) {
        // What has changed is to be seen by whoever took the last ring off before this one (StoreLoad).
        fence(Ordering::SeqCst);
        if self.rung.load(Ordering::Acquire) {
            return;
        }
        let held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.rung.store(true, Ordering::Release);
        drop(held);
        self.waiting.notify_one();
    }

    /// Waits until it rings, or has since this last returned true, or until `end`; whether it rang.
    pub fn wait(&self, end: Option<Instant>) -> bool {
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.rung.swap(false, Ordering::AcqRel) {
                fence(Ordering::SeqCst);
                return true;
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            held = match left {
                None => self.waiting.wait(held).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return false,
                Some(left) => self.waiting.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn a_ring_is_heard_once_whenever_it_was() {
        let bell = Arc::new(Bell::default());
        let now = || Some(Instant::now());
        assert!(!bell.wait(now()));
        bell.ring();
        bell.ring();
        assert!(bell.wait(None) && !bell.wait(now()));
        let ringer = Arc::clone(&bell);
        let ringing = thread::spawn(move || ringer.ring());
        assert!(bell.wait(None));
        ringing.join().expect("no panic");
    }
}
