//! The log: one line an event, to stderr. `simple_logger` writes it, with time stamps; where stderr is journald's, which
//! stamps lines itself, a `<N>` priority (sd-daemon(3)) goes in front instead. A log that nobody reads must never hold up
//! a request, so a line that stderr has no room for is counted instead. What is printed here must already be escaped: this
//! file doesn't know what came from the network.

use std::cell::Cell;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};

use log::{Level, LevelFilter, Log, Metadata, Record};
use rustix::event::{PollFd, PollFlags, Timespec};
use simple_logger::SimpleLogger;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What each line is signed with: an operator has no use for the module.
const NAME: &str = env!("CARGO_CRATE_NAME");

/// The priority of an error.
const ERROR: &str = "<3>";

/// Starts the log at `level`. `journal_stream` is the variable JOURNAL_STREAM, "device:inode" in decimal.
pub fn start(level: LevelFilter, journal_stream: Option<&str>) -> Result<(), log::SetLoggerError> {
    let is_journal = is_journal(journal_stream);
    let sink =
        if is_journal { Sink::Journal } else { Sink::Stamped(SimpleLogger::new().with_utc_timestamps()) };
    panic::set_hook(Box::new(move |panic| {
        if WRITING.get() {
            return;
        }
        // Written without the logger, which panics itself where this can't be written.
        let start = if is_journal { ERROR.to_owned() } else { format!("{} ERROR [{NAME}] ", stamp()) };
        let what = panic.to_string();
        let _ = writeln!(io::stderr(), "{start}this is a bug, please report it: {}", what.escape_debug());
    }));
    log::set_max_level(level);
    log::set_boxed_logger(Box::new(Journal { sink, lost: AtomicU64::new(0) }))
}

/// What a line begins with that is written to stderr without this log, as none was started yet or none is to be, and that tells
/// why this program ends.
pub fn start_of_an_error(journal_stream: Option<&str>) -> &'static str {
    if is_journal(journal_stream) { ERROR } else { "" }
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
    /// Lines that there was no room for, and that nobody has been told of.
    lost: AtomicU64,
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
        if !has_room() {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let text = format_args!("{lost} lines of this log were lost: nobody was reading it");
            self.write(&Record::builder().level(Level::Warn).target(NAME).args(text).build());
        }
        self.write(&Record::builder().level(record.level()).target(NAME).args(*record.args()).build());
    }

    fn flush(&self) {}
}

impl Journal {
    fn write(&self, record: &Record<'_>) {
        match &self.sink {
            Sink::Journal => journal_line(record),
            Sink::Stamped(logger) => quietly(|| logger.log(record)),
        }
    }
}

/// Whether a line can be written without waiting for a reader (poll(2): for a pipe, room for PIPE_BUF bytes). A reader
/// that is gone is an error, and no room.
fn has_room() -> bool {
    let stderr = io::stderr();
    let mut ready = [PollFd::new(&stderr, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut ready, Some(&now)).is_ok() && ready[0].revents() == PollFlags::OUT
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

thread_local! {
    /// What panics on this thread is the writing of a line.
    static WRITING: Cell<bool> = const { Cell::new(false) };
}

/// `simple_logger` prints with `eprintln!`, which panics when the line can't be written, to a full disk for one.
fn quietly(write: impl FnOnce()) {
    WRITING.set(true);
    let _ = panic::catch_unwind(AssertUnwindSafe(write));
    WRITING.set(false);
}
