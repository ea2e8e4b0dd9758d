//! What /proc says of a process. It only reads.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Resident memory.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let status = read(&format!("/proc/{pid}/status"));
    field(&status, "VmRSS:") * 1024
}

/// How often each thread was switched, of its own will or not, since its start.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Switches(BTreeMap<OsString, u64>);

impl Switches {
    pub(crate) fn of(pid: u32) -> Self {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the threads of a child");
        let count = |status: String| {
            field(&status, "voluntary_ctxt_switches:") + field(&status, "nonvoluntary_ctxt_switches:")
        };
        let threads = tasks.flatten().filter_map(|task| {
            let status = fs::read_to_string(task.path().join("status")).ok()?;
            Some((task.file_name(), count(status)))
        });
        Self(threads.collect())
    }

    /// Those since `before`; a thread that has ended since took one at least.
    pub(crate) fn since(&self, before: &Self) -> u64 {
        let ended = before.0.keys().filter(|thread| !self.0.contains_key(*thread)).count() as u64;
        let switched = self.0.iter().map(|(thread, count)| count - before.0.get(thread).unwrap_or(&0));
        ended + switched.sum::<u64>()
    }
}

/// The processors it may run on, as a list such as `0-3,6`.
pub(crate) fn allowed_processors(pid: u32) -> String {
    let status = read(&format!("/proc/{pid}/status"));
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.unwrap_or_default().trim().to_owned()
}

/// The processor time of each thread, in user and in system mode.
pub(crate) struct ThreadTimes(BTreeMap<OsString, Duration>);

impl ThreadTimes {
    pub(crate) fn of(pid: u32) -> Self {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the threads of a child");
        let threads = tasks.flatten().filter_map(|task| {
            let schedstat = fs::read_to_string(task.path().join("schedstat")).ok()?;
            Some((task.file_name(), on_processor(&schedstat)))
        });
        Self(threads.collect())
    }

    /// All that the threads had since `before`. One that has ended since is left out: it had been idle for seconds.
    pub(crate) fn since(&self, before: &Self) -> Duration {
        let had = |thread| before.0.get(thread).copied().unwrap_or_default();
        self.0.iter().map(|(thread, time)| time.saturating_sub(had(thread))).sum()
    }
}

/// Returns once a process does nothing, or after `patience`.
pub(crate) fn await_rest(pid: u32, patience: Duration) {
    const LOOK_AGAIN: Duration = Duration::from_millis(5);
    let deadline = Instant::now() + patience;
    let mut last = Switches::of(pid);
    while Instant::now() < deadline {
        thread::sleep(LOOK_AGAIN);
        let now = Switches::of(pid);
        if now == last {
            return;
        }
        last = now;
    }
}

/// The processor time of the thread that a process began with, since its start.
pub(crate) fn main_thread_time(pid: u32) -> Duration {
    on_processor(&read(&format!("/proc/{pid}/task/{pid}/schedstat")))
}

/// The first field of a thread's schedstat, in nanoseconds; stat has ticks of 10 ms.
fn on_processor(schedstat: &str) -> Duration {
    let nanoseconds = schedstat.split_whitespace().next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_else(|| panic!("schedstat: {schedstat:?}")))
}

/// Processor time of all threads, in ticks of 10 ms, as the machine's is counted too.
pub(crate) fn processor_ticks(pid: u32) -> u64 {
    let stat = read(&format!("/proc/{pid}/stat"));
    // The name before the last parenthesis may hold spaces; user and system time are the 12th and 13th after it.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn field(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    let number = value.and_then(|value| value.split_whitespace().next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no {name} in:\n{status}"))
}

/// Whether a 64-bit ELF file still has its symbol table.
pub(crate) fn has_symbols(executable: &Path) -> bool {
    const SYMBOL_TABLE: u64 = 2;
    let bytes = fs::read(executable).expect("the executable is readable");
    assert!(bytes.starts_with(b"\x7fELF\x02\x01"), "{} is no little-endian ELF64", executable.display());
    let number = |at: usize, size: usize| {
        bytes[at..at + size].iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let (table, entry, count) = (number(0x28, 8), number(0x3A, 2), number(0x3C, 2));
    (0..count).any(|index| number((table + index * entry) as usize + 4, 4) == SYMBOL_TABLE)
}
