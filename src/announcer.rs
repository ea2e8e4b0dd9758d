//! How many lines a crowd of agents can cause: at most so many a second, and of a fault that lasts one a minute. Counts
//! lines; never looks into one.

use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How many lines a second agents can cause.
const LINES: u32 = 100;
/// The second of [`LINES`].
const WINDOW: Duration = Duration::from_secs(1);
/// How long a warning holds before it is repeated.
const REMINDER: Duration = Duration::from_secs(60);

/// Writes at most 100 info lines a second, then "and N more" at the end of that second.
#[derive(Clone, Default)]
pub struct Announcer {
    shared: Arc<(Mutex<Announced>, Condvar)>,
}

#[derive(Default)]
struct Announced {
    since: Option<Instant>,
    lines: u32,
    withheld: u64,
}

impl Announcer {
    /// An announcer, with the thread that tells what was withheld; it sleeps until something is.
    pub fn start() -> io::Result<Announcer> {
        let announcer = Announcer::default();
        let reporter = announcer.clone();
        thread::Builder::new().name("announcer".into()).spawn(move || reporter.report())?;
        Ok(announcer)
    }

    /// Writes the line, or counts it.
    pub fn info(&self, line: impl FnOnce() -> String) {
        if log::log_enabled!(log::Level::Info) && self.admit(Instant::now()) {
            log::info!("{}", line());
        }
    }

    /// Tells at once what is withheld. For the stop, which doesn't wait for a second's end.
    pub fn flush(&self) {
        let ended = mem::take(&mut *self.announced());
        if ended.withheld > 0 {
            log::info!("and {} more", ended.withheld);
        }
    }

    fn admit(&self, now: Instant) -> bool {
        let mut announced = self.announced();
        if announced.since.is_none_or(|since| now - since >= WINDOW) && announced.withheld == 0 {
            *announced = Announced { since: Some(now), ..Announced::default() };
        }
        if announced.lines < LINES {
            announced.lines += 1;
            return true;
        }
        announced.withheld += 1;
        if announced.withheld == 1 {
            self.shared.1.notify_one();
        }
        false
    }

    fn report(&self) {
        loop {
            let waited = self.shared.1.wait_while(self.announced(), |announced| announced.withheld == 0);
            let since = waited.unwrap_or_else(PoisonError::into_inner).since.unwrap_or_else(Instant::now);
            thread::sleep((since + WINDOW).saturating_duration_since(Instant::now()));
            self.flush();
        }
    }

    fn announced(&self) -> MutexGuard<'_, Announced> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Warns of a fault that lasts: once a minute, and not for each request that meets it.
#[derive(Default)]
pub struct Reminder {
    last: Mutex<Option<Instant>>,
}

impl Reminder {
    /// Writes the line, unless one was written in the minute before `now`.
    pub fn warn(&self, now: Instant, line: impl FnOnce() -> String) {
        if self.is_due(now) {
            log::warn!("{}", line());
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| now.saturating_duration_since(last) >= REMINDER);
        if due {
            *last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reminder_comes_once_a_minute() {
        let reminder = Reminder::default();
        let start = Instant::now();
        let due =
            [0, 1, 59, 60, 61, 120].map(|seconds| reminder.is_due(start + Duration::from_secs(seconds)));
        assert_eq!(due, [true, false, false, true, false, true]);
    }

    #[test]
    fn an_announcer_admits_a_hundred_lines_a_second() {
        let announcer = Announcer::default();
        let start = Instant::now();
        let admitted = |after: u64| {
            let now = start + Duration::from_millis(after);
            (0..150).filter(|_| announcer.admit(now)).count()
        };
        assert_eq!(admitted(0), 100);
        // Until "and N more" was told nothing else is, however late the thread that tells it.
        assert_eq!(admitted(999), 0);
        assert_eq!(admitted(1000), 0);
        announcer.flush();
        assert_eq!(admitted(1001), 100);
    }
}
