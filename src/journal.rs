//! The log: one line an event, to stderr. `simple_logger` writes it, with time stamps; where stderr is journald's, which
//! stamps lines itself, a `<N>` priority (sd-daemon(3)) goes in front instead. Also bounds how many lines a second agents
//! can cause. What is printed here must already be escaped: this file doesn't know what came from the network.

use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Log, Metadata, Record};
use simple_logger::SimpleLogger;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What each line is signed with: an operator has no use for the module.
const NAME: &str = env!("CARGO_CRATE_NAME");

/// Starts the log at `level`. `journal_stream` is the variable JOURNAL_STREAM, "device:inode" in decimal.
pub fn start(level: LevelFilter, journal_stream: Option<&str>) -> Result<(), log::SetLoggerError> {
    let is_journal = is_journal(journal_stream);
    let sink =
        if is_journal { Sink::Journal } else { Sink::Stamped(SimpleLogger::new().with_utc_timestamps()) };
    // Written without the logger, which may be what panicked.
    panic::set_hook(Box::new(move |panic| {
        let start = if is_journal { "<3>".to_owned() } else { format!("{} ERROR [{NAME}] ", stamp()) };
        let what = panic.to_string();
        let _ = writeln!(io::stderr(), "{start}this is a bug, please report it: {}", what.escape_debug());
    }));
    log::set_max_level(level);
    log::set_boxed_logger(Box::new(Journal { sink }))
}

/// Whether stderr is the very stream that systemd connected to the journal (systemd.exec(5), JOURNAL_STREAM).
fn is_journal(journal_stream: Option<&str>) -> bool {
    let Ok(stat) = rustix::fs::fstat(io::stderr()) else { return false };
    journal_stream == Some(&format!("{}:{}", stat.st_dev, stat.st_ino))
}

fn stamp() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}

enum Sink {
    Stamped(SimpleLogger),
    Journal,
}

struct Journal {
    sink: Sink,
}

impl Log for Journal {
    /// Crates below us log what they see of single connections; that's for debugging them, not for an operator.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(NAME)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match &self.sink {
            Sink::Journal => journal_line(record),
            Sink::Stamped(logger) => quietly(|| {
                let signed =
                    Record::builder().level(record.level()).args(*record.args()).target(NAME).build();
                logger.log(&signed);
            }),
        }
    }

    fn flush(&self) {}
}

fn journal_line(record: &Record<'_>) {
    let priority = match record.level() {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    // A log that can't be written must not stop the registry, and there is nobody left to tell.
    let _ = writeln!(io::stderr(), "<{priority}>{}", record.args());
}

/// `simple_logger` prints with `eprintln!`, which panics when stderr is a closed pipe or a full disk.
fn quietly(write: impl FnOnce()) {
    let _ = panic::catch_unwind(AssertUnwindSafe(write));
}

/// How many lines a second agents can cause.
const LINES: u32 = 100;
/// The second of [`LINES`].
const WINDOW: Duration = Duration::from_secs(1);

/// Writes at most 100 info lines a second, then "and N more" at the end of that second.
#[derive(Clone)]
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
        let announcer = Announcer { shared: Arc::default() };
        let reporter = announcer.clone();
        thread::Builder::new().name("announcer".into()).spawn(move || reporter.report())?;
        Ok(announcer)
    }

    /// Writes `line`, or counts it.
    pub fn info(&self, line: fmt::Arguments<'_>) {
        if self.admit(Instant::now()) {
            log::info!("{line}");
        }
    }

    fn admit(&self, now: Instant) -> bool {
        let (announced, withheld) = &*self.shared;
        let mut announced = announced.lock().unwrap_or_else(PoisonError::into_inner);
        if announced.since.is_none_or(|since| now - since >= WINDOW) && announced.withheld == 0 {
            *announced = Announced { since: Some(now), ..Announced::default() };
        }
        if announced.lines < LINES {
            announced.lines += 1;
            return true;
        }
        announced.withheld += 1;
        if announced.withheld == 1 {
            withheld.notify_one();
        }
        false
    }

    fn report(&self) {
        let (announced, withheld) = &*self.shared;
        loop {
            let guard = announced.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = withheld.wait_while(guard, |announced| announced.withheld == 0);
            let since = waited.unwrap_or_else(PoisonError::into_inner).since.unwrap_or_else(Instant::now);
            thread::sleep((since + WINDOW).saturating_duration_since(Instant::now()));
            let ended = mem::take(&mut *announced.lock().unwrap_or_else(PoisonError::into_inner));
            log::info!("and {} more", ended.withheld);
        }
    }
}

/// How long a warning holds before it is repeated.
const REMINDER: Duration = Duration::from_secs(60);

/// Warns of a fault that lasts: once a minute, and not for each request that meets it.
#[derive(Default)]
pub struct Reminder {
    last: Mutex<Option<Instant>>,
}

impl Reminder {
    /// Writes `line` unless one was written in the minute before `now`.
    pub fn warn(&self, now: Instant, line: fmt::Arguments<'_>) {
        if self.is_due(now) {
            log::warn!("{line}");
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
        let announcer = Announcer { shared: Arc::default() };
        let start = Instant::now();
        let admitted = |after: u64| {
            let now = start + Duration::from_millis(after);
            (0..150).filter(|_| announcer.admit(now)).count()
        };
        assert_eq!(admitted(0), 100);
        assert_eq!(admitted(999), 0);
        // Until "and N more" was told nothing else is: the reporter, which this test has none of, starts the next second.
        assert_eq!(admitted(1000), 0);
        *announcer.shared.0.lock().expect("no panic") = Announced::default();
        assert_eq!(admitted(1001), 100);
    }
}
