//! The daemon under test as a child process: started on ports that the system picks, ready when it says so, ended by
//! its own process id. Its log is the only thing read about its state.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::Signal;

use crate::process::{self, DEADLINE};
pub(crate) use finished::Finished;
use log::Log;
pub(crate) use start::Start;

// Each by its path, so that they are found from either program that has this file.
#[path = "registry/finished.rs"]
mod finished;
#[path = "registry/log.rs"]
mod log;
#[path = "registry/start.rs"]
mod start;

/// How long a look at a condition may be apart from the next one.
const GLANCE: Duration = Duration::from_millis(5);

/// A running daemon. Dropping it ends it.
pub(crate) struct Registry {
    command: String,
    child: Child,
    /// Its exit status, once it has been waited for: from then on its process id may be another's.
    ended: Option<ExitStatus>,
    log: Arc<Log>,
    readers: Vec<JoinHandle<()>>,
}

impl Registry {
    pub(crate) fn start() -> Registry {
        Start::new().spawn()
    }

    pub(crate) fn with(args: &[&str]) -> Registry {
        Start::new().args(args).spawn()
    }

    /// The registry port, as the log gives it.
    pub(crate) fn port(&self) -> u16 {
        self.number_after("registry port ")
    }

    /// The health port, as the log gives it.
    pub(crate) fn health_port(&self) -> u16 {
        self.number_after("health port ")
    }

    fn number_after(&self, words: &str) -> u16 {
        let line = self.wait_for_log(|line| line.contains(words));
        let rest = line.split_once(words).unwrap().1;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
        digits.parse().unwrap_or_else(|e| panic!("no port in {line:?}: {e}\n{}", self.evidence()))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it has written to standard error so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// The lines of the log so far that this is true of.
    pub(crate) fn log_lines(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        self.log.lock().lines.iter().filter(|line| wanted(line)).cloned().collect()
    }

    /// The first line of the log, from its very start, that this is true of.
    pub(crate) fn wait_for_log(&self, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        let mut said = self.log.lock();
        let mut seen = 0;
        loop {
            if let Some(line) = said.lines[seen..].iter().find(|line| wanted(line)) {
                return line.clone();
            }
            seen = said.lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if said.ended || left.is_zero() {
                drop(said);
                panic!("no such line in the log\n{}", self.evidence());
            }
            said = self.log.news.wait_timeout(said, left).unwrap().0;
        }
    }

    /// Waits until the condition holds, looking again whenever the log grows and every few milliseconds.
    pub(crate) fn wait_until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        self.wait_for(DEADLINE, || if holds() { Ok(()) } else { Err(what.to_owned()) });
    }

    /// The same for what takes its time, and can say what is still wrong.
    pub(crate) fn wait_for(&self, within: Duration, mut look: impl FnMut() -> Result<(), String>) {
        let deadline = Instant::now() + within;
        while let Err(wrong) = look() {
            assert!(Instant::now() < deadline, "never came true: {wrong}\n{}", self.evidence());
            let said = self.log.lock();
            drop(self.log.news.wait_timeout(said, GLANCE).unwrap());
        }
    }

    /// Nobody reads its log any more, and not one byte more fits into it, until [`read_its_log_again`] or its end.
    ///
    /// [`read_its_log_again`]: Registry::read_its_log_again
    pub(crate) fn fill_its_log(&self) {
        let path = format!("/proc/{}/fd/2", self.pid());
        let waiting_for_nothing = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
        let mut its_end = File::options().write(true).custom_flags(waiting_for_nothing).open(path).unwrap();
        self.log.hold();
        its_end.write_all(b"the first of these lines is the last one that is read\n").unwrap();
        self.wait_until("the log is unread", || self.log.lock().unread);
        for filler in [&[b'\n'; 4096][..], b"\n"] {
            let full = (0..).find_map(|_| its_end.write(filler).err()).unwrap();
            assert_eq!(full.kind(), ErrorKind::WouldBlock, "{full}");
        }
    }

    pub(crate) fn read_its_log_again(&self) {
        self.log.read_on();
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        assert_eq!(self.ended, None, "signalled after its end\n{}", self.evidence());
        process::signal(&self.child, signal);
    }

    /// Stops it as an operator would, and waits for its end.
    pub(crate) fn terminate(mut self) -> Finished {
        self.signal(Signal::TERM);
        self.finish(DEADLINE)
    }

    /// Whether it has ended by then.
    pub(crate) fn ends_within(&mut self, within: Duration) -> bool {
        self.ended = process::wait(&mut self.child, within);
        self.ended.is_some()
    }

    /// Waits for its end.
    pub(crate) fn finish(&mut self, deadline: Duration) -> Finished {
        assert!(self.ends_within(deadline), "still running after {deadline:?}\n{}", self.evidence());
        let status = self.ended.unwrap();
        self.log.read_on();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let stdout = self.log.lock().stdout.clone();
        Finished { command: self.command.clone(), status, stdout, stderr: self.log() }
    }

    /// What a person needs who reads of a failure.
    pub(crate) fn evidence(&self) -> String {
        let log = log::shortened(&self.log.lock().lines);
        format!("command: {}\npid {}\n--- its log so far\n{log}---", self.command, self.pid())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.ended = self.child.try_wait().unwrap();
        if thread::panicking() {
            let status = self.ended.map_or("still running".to_owned(), |status| status.to_string());
            eprintln!("{}\n{status}", self.evidence());
        }
        if self.ended.is_none() {
            self.signal(Signal::TERM);
            if process::wait(&mut self.child, DEADLINE).is_none() {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
            }
        }
    }
}

/// A port that was free a moment ago: for the few tests that must know it before the daemon starts.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
