//! How the daemon is to be started: arguments, variables, and what is around it. On ports that the system picks, unless a test
//! says otherwise.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;

use rustix::fs::fstat;

use super::log::{self, Log};
use super::{Finished, Registry};
use crate::process::{self, DEADLINE};

/// Flag, its other name, the variable, and what tests use when a test itself names none of the three.
const DEFAULTS: [(&str, &str, &str, &str); 3] = [
    ("--port", "--port", "SERVICE_REGISTRY_PORT", "0"),
    ("--health-port", "--health-check-port", "SERVICE_REGISTRY_HEALTH_PORT", "0"),
    ("--bind", "--bind", "SERVICE_REGISTRY_BIND", "127.0.0.1"),
];

/// How the daemon is to be started.
#[derive(Clone)]
pub(crate) struct Start {
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    defaults: bool,
    journal: bool,
    descriptors: Option<u32>,
    launcher: Vec<OsString>,
    handed: Vec<Arc<OwnedFd>>,
}

impl Start {
    /// Ports picked by the system, on 127.0.0.1, unless an argument or a variable says otherwise.
    pub(crate) fn new() -> Start {
        let (args, env, launcher, handed) = Default::default();
        Start { args, env, defaults: true, journal: false, descriptors: None, launcher, handed }
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

    /// With these as its standard input and its standard output, of which nothing is read then.
    pub(crate) fn handing_over(mut self, handed: impl IntoIterator<Item = OwnedFd>) -> Start {
        self.handed = handed.into_iter().map(Arc::new).collect();
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
            .stdin(self.handed(0).unwrap_or_else(Stdio::null))
            .stdout(self.handed(1).unwrap_or_else(Stdio::piped))
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|e| panic!("cannot run {shown}: {e}"));
        // The command holds our copy of the writing end: without this drop the log would never end.
        drop(command);
        let log = Arc::new(Log::default());
        let stdout = child.stdout.take().map(|stdout| log::of_stdout(stdout, &log));
        let readers = [log::of_stderr(log_end, &log)].into_iter().chain(stdout).collect();
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

    fn handed(&self, number: usize) -> Option<Stdio> {
        self.handed.get(number).map(|handed| handed.try_clone().unwrap().into())
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
