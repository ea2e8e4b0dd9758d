//! The announcer and a reminder, told of agents by several threads at once, and the thread that tells what was withheld.

use std::sync::{Condvar, Mutex, MutexGuard, Once};
use std::time::Instant;

use log::{LevelFilter, Log, Metadata, Record};
use service_registry::announcer::{Announcer, Reminder};

use crate::{DEADLINE, ROUNDS, THREADS, together};

/// What the lines of these tests begin with: other tests of this process log as well.
const CROWD: &str = "one of the crowd";
const WARNING: &str = "the crowd lasts";

/// Keeps the lines that the log gets.
struct Kept {
    lines: Mutex<Vec<String>>,
    came: Condvar,
}

static KEPT: Kept = Kept { lines: Mutex::new(Vec::new()), came: Condvar::new() };

impl Log for Kept {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.lines().push(record.args().to_string());
        self.came.notify_all();
    }

    fn flush(&self) {}
}

impl Kept {
    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap()
    }

    fn start() {
        static START: Once = Once::new();
        START.call_once(|| {
            log::set_logger(&KEPT).unwrap();
            log::set_max_level(LevelFilter::Info);
        });
    }
}

/// How many were announced by these lines, each by its own or by "and N more".
fn announced(lines: &[String]) -> usize {
    let of = |line: &String| match line.strip_prefix("and ").and_then(|rest| rest.strip_suffix(" more")) {
        Some(number) => number.parse().unwrap(),
        None => usize::from(line.starts_with(CROWD)),
    };
    lines.iter().map(of).sum()
}

#[test]
fn everyone_is_announced_once_by_a_line_or_by_a_number() {
    Kept::start();
    let announcer = Announcer::start().unwrap();
    together(|thread| {
        for round in 0..ROUNDS {
            announcer.info(|| format!("{CROWD}: {thread}, {round}"));
            if thread == 0 && round % 20 == 0 {
                announcer.flush();
            }
        }
    });
    announcer.flush();
    // The announcer's own thread may have taken a number, and not told it yet.
    let end = Instant::now() + DEADLINE;
    let mut lines = KEPT.lines();
    while announced(&lines) < THREADS * ROUNDS && Instant::now() < end {
        lines = KEPT.came.wait_timeout(lines, end - Instant::now()).unwrap().0;
    }
    assert_eq!(announced(&lines), THREADS * ROUNDS, "{lines:#?}");
    let withheld = lines.iter().any(|line| line.starts_with("and "));
    assert!(withheld, "nothing was withheld, so this shows little\n{lines:#?}");
}

#[test]
fn a_reminder_comes_once_whoever_asks_for_it() {
    Kept::start();
    let (reminder, now) = (Reminder::default(), Instant::now());
    together(|_| (0..ROUNDS).for_each(|_| reminder.warn(now, || WARNING.to_owned())));
    let lines = KEPT.lines();
    assert_eq!(lines.iter().filter(|line| *line == WARNING).count(), 1, "{lines:#?}");
}
