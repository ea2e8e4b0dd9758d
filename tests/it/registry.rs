//! The daemon under test as a child process: started on ports that the system picks, ready when it says so, ended by
//! its own process id. Its log is the only thing read about its state.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fstat};
use rustix::process::Signal;

use crate::process::{self, DEADLINE};
pub(crate) use finished::Finished;
use log::Log;

// Each by its path, so that they are found from either program that has this file.
#[path = "registry/finished.rs"]
mod finished;
#[path = "registry/log.rs"]
mod log;

/// Flag, its other name, the variable, and what tests use when a test itself names none of the three.
const DEFAULTS: [(&str, &str, &str, &str); 3] = [
    ("--port", "--port", "SERVICE_REGISTRY_PORT", "0"),
    ("--health-port", "--health-check-port", "SERVICE_REGISTRY_HEALTH_PORT", "0"),
    ("--bind", "--bind", "SERVICE_REGISTRY_BIND", "127.0.0.1"),
];

/// How long a look at a condition may be apart from the next one.
const GLANCE: Duration = Duration::from_millis(5);

/// How the daemon is to be started.
#[derive(Clone)]
pub(crate) struct Start {
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    defaults: bool,
    journal: bool,
    descriptors: Option<u32>,
    launcher: Vec<OsString>,
}

impl Start {
    /// Ports picked by the system, on 127.0.0.1, unless an argument or a variable says otherwise.
    pub(crate) fn new() -> Start {
        let (args, env, launcher) = Default::default();
        Start { args, env, defaults: true, journal: false, descriptors: None, launcher }
    }

    /// Not one argument that the test itself does not give.
    pub(crate) fn bare() -> Start {
        Start { defaults: false, ..Start::new() }
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Start {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Start {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Start {
        self.env.push((name.into(), value.into()));
        self
    }

    /// By this program, which becomes the daemon: its arguments, behind which the daemon and its own stand.
    pub(crate) fn through<A: Into<OsString>>(mut self, launcher: impl IntoIterator<Item = A>) -> Start {
        self.launcher = launcher.into_iter().map(Into::into).collect();
        self
    }

    /// Its standard error is what JOURNAL_STREAM names, as under systemd.
    pub(crate) fn journal(mut self) -> Start {
        self.journal = true;
        self
    }

    /// The system lets it have so many descriptors and no more.
    pub(crate) fn descriptors(mut self, limit: u32) -> Start {
        self.descriptors = Some(limit);
        self
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn spawn(self) -> Registry {
        let registry = self.spawn_unready();
        registry.wait_for_log(|line| line.ends_with("ready"));
        registry
    }

    /// Starts it and waits for nothing: for log levels that do not say `ready`, and for what happens before.
    pub(crate) fn spawn_unready(self) -> Registry {
        let (log_end, stderr) = io::pipe().unwrap();
        self.spawn_on(stderr, log_end)
    }

    /// Starts it with this as its standard error, and `log_end` as what is read of that.
    pub(crate) fn spawn_on(
        self,
        stderr: impl Into<OwnedFd>,
        log_end: impl io::Read + Send + 'static,
    ) -> Registry {
        let stderr = stderr.into();
        let mut command = self.command(&stderr);
        let shown = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|e| panic!("cannot run {shown}: {e}"));
        // The command holds our copy of the writing end: without this drop the log would never end.
        drop(command);
        let log = Arc::new(Log::default());
        let readers = vec![log::of_stderr(log_end, &log), log::of_stdout(child.stdout.take().unwrap(), &log)];
        Registry { command: shown, child, ended: None, log, readers }
    }

    /// Runs it to its end: for faults, `--help` and the like.
    pub(crate) fn run_to_end(self) -> Finished {
        let mut registry = self.spawn_unready();
        registry.finish(DEADLINE)
    }

    /// Runs it to its end with this as its standard error.
    pub(crate) fn run_to_end_on(self, stderr: impl Into<OwnedFd>) -> ExitStatus {
        let stderr = stderr.into();
        let mut command = self.command(&stderr);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        process::wait(&mut child, DEADLINE).unwrap_or_else(|| {
            child.kill().unwrap();
            panic!("still running after {DEADLINE:?}, now ended: {:?}: {command:?}", child.wait().unwrap());
        })
    }

    fn program(&self) -> Command {
        const BINARY: &str = env!("CARGO_BIN_EXE_service-registry");
        if let [launcher, args @ ..] = self.launcher.as_slice() {
            let mut command = Command::new(launcher);
            command.args(args).arg(BINARY);
            return command;
        }
        let Some(limit) = self.descriptors else { return Command::new(BINARY) };
        // libzmq's own descriptors in this process are inherited, and would count.
        let close_others =
            r#"for fd in /proc/$$/fd/*; do fd=${fd##*/}; [ "$fd" -le 2 ] || eval "exec $fd>&-"; done"#;
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!(r#"{close_others}; ulimit -n {limit}; exec "$0" "$@""#), BINARY]);
        shell
    }

    fn command(&self, stderr: &impl AsFd) -> Command {
        let mut command = self.program();
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SERVICE_REGISTRY_") {
                command.env_remove(name);
            }
        }
        for name in [
            "JOURNAL_STREAM",
            "NOTIFY_SOCKET",
            "LISTEN_FDS",
            "LISTEN_PID",
            "LISTEN_FDNAMES",
            "RUST_LOG",
            "RUST_BACKTRACE",
        ] {
            command.env_remove(name);
        }
        if self.journal {
            let stream = fstat(stderr).unwrap();
            command.env("JOURNAL_STREAM", format!("{}:{}", stream.st_dev, stream.st_ino));
        }
        command.args(self.defaults()).args(&self.args).envs(self.env.iter().map(|(n, v)| (n, v)));
        command
    }

    fn defaults(&self) -> Vec<&'static str> {
        let given =
            |flag: &str| self.args.iter().any(|a| a.to_string_lossy().split('=').next() == Some(flag));
        let set = |variable: &str| self.env.iter().any(|(name, _)| name == variable);
        DEFAULTS
            .iter()
            .filter(|(flag, alias, variable, _)| {
                self.defaults && !given(flag) && !given(alias) && !set(variable)
            })
            .flat_map(|(flag, _, _, value)| [*flag, *value])
            .collect()
    }
}

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
