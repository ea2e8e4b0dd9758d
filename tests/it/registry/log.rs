//! What the daemon says on its two streams, as threads of their own read it line by line. Their reading can be held up,
//! as a person's who has stopped a terminal.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

#[derive(Default)]
pub(super) struct Log {
    said: Mutex<Said>,
    pub(super) news: Condvar,
}

#[derive(Default)]
pub(super) struct Said {
    pub(super) lines: Vec<String>,
    pub(super) stdout: String,
    pub(super) ended: bool,
    held: bool,
    /// Its reader has a line that it does not take because of that, and reads no further.
    pub(super) unread: bool,
}

impl Log {
    pub(super) fn lock(&self) -> MutexGuard<'_, Said> {
        // A test that failed while it held the lock has left nothing half done.
        self.said.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// From its next line on nobody reads it.
    pub(super) fn hold(&self) {
        self.lock().held = true;
    }

    pub(super) fn read_on(&self) {
        self.lock().held = false;
        self.news.notify_all();
    }

    fn line(&self, line: Option<String>) {
        let mut said = self.lock();
        said.unread = said.held;
        self.news.notify_all();
        said = self.news.wait_while(said, |said| said.held).unwrap_or_else(|poisoned| poisoned.into_inner());
        said.unread = false;
        match line {
            Some(line) => said.lines.push(line),
            None => said.ended = true,
        }
        self.news.notify_all();
    }

    fn out(&self, line: Option<String>) {
        if let Some(line) = line {
            self.lock().stdout.push_str(&format!("{line}\n"));
        }
    }
}

/// Reads its log, until it ends.
pub(super) fn of_stderr(from: impl Read + Send + 'static, log: &Arc<Log>) -> JoinHandle<()> {
    collect(from, log, Log::line)
}

pub(super) fn of_stdout(from: impl Read + Send + 'static, log: &Arc<Log>) -> JoinHandle<()> {
    collect(from, log, Log::out)
}

fn collect(
    from: impl Read + Send + 'static,
    log: &Arc<Log>,
    take: fn(&Log, Option<String>),
) -> JoinHandle<()> {
    let log = Arc::clone(log);
    thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n') {
            take(&log, Some(String::from_utf8_lossy(&line.unwrap()).into_owned()));
        }
        take(&log, None);
    })
}

/// A log as a person can still read it: how it began, and how it went on last.
pub(super) fn shortened(lines: &[String]) -> String {
    const BEGINNING: usize = 20;
    const END: usize = 100;
    let left_out = lines.len().saturating_sub(BEGINNING + END);
    let (beginning, rest) = lines.split_at(lines.len().min(BEGINNING));
    let gap = (left_out > 0).then(|| format!("… {left_out} lines …"));
    let shown = beginning.iter().chain(&gap).chain(&rest[left_out..]);
    shown.map(|line| format!("{line}\n")).collect()
}
