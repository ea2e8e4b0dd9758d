//! One redis-server or sentinel as a child process: started from a configuration, there when it answers, ended by its own
//! process id, and asked over connections of the test's own. It comes back on the same port with the same folder.

use std::fs::{self, File};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::place::{Folder, Port};
use super::resp::{Client, Reply};
use crate::process::{self, DEADLINE};

/// How long a look at a condition may be apart from the next one.
const GLANCE: Duration = Duration::from_millis(2);

const PROGRAM: &str = "redis-server";

/// Its configuration in its folder; a sentinel writes what it learns into it.
const CONFIG: &str = "its.conf";

/// How often it is started anew, where somebody else has taken its port in between.
const ATTEMPTS: usize = 5;

/// One program can be either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Server,
    Sentinel,
}

pub(super) struct Daemon {
    kind: Kind,
    port: Port,
    folder: Folder,
    /// User and password of the test's own connections.
    pub(super) login: Option<(String, String)>,
    child: Option<Child>,
}

impl Daemon {
    /// Starts it, and waits until it answers; `configure` is given its port and its folder.
    pub(super) fn start(
        kind: Kind,
        host: IpAddr,
        login: Option<(String, String)>,
        configure: impl Fn(SocketAddr, &Path) -> String,
    ) -> Daemon {
        for _ in 0..ATTEMPTS {
            let (port, folder) = (Port::reserve(host), Folder::new());
            folder.write(CONFIG, configure(port.address(), folder.path()));
            let mut daemon = Daemon { kind, port, folder, login: login.clone(), child: None };
            daemon.run();
            if daemon.wait_for_pong() {
                return daemon;
            }
            eprintln!("{}", daemon.evidence());
        }
        panic!("the {kind:?} did not start");
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// What it is started with from the next start on, beside what is there and what it has written itself.
    pub(super) fn add_to_config(&mut self, lines: &str) {
        let mut file = File::options().append(true).open(self.folder.path().join(CONFIG)).unwrap();
        file.write_all(lines.as_bytes()).unwrap();
    }

    /// Starts it, for the first time or again, and waits for nothing.
    pub(super) fn run(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        let sentinel = (self.kind == Kind::Sentinel).then_some("--sentinel");
        let child = Command::new(PROGRAM)
            .arg(self.folder.path().join(CONFIG))
            .args(sentinel)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|e| panic!("cannot run {PROGRAM}: {e}"));
        self.child = Some(child);
    }

    /// Whether it answers at last; false where it has ended.
    pub(super) fn wait_for_pong(&mut self) -> bool {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            if self.child.as_mut().expect("it was started").try_wait().unwrap().is_some() {
                self.child = None;
                return false;
            }
            if self.try_command(&["PING"]).is_ok_and(|reply| reply == Reply::Status("PONG".to_owned())) {
                return true;
            }
            thread::sleep(GLANCE);
        }
        panic!("it does not answer\n{}", self.evidence());
    }

    /// Looks again and again until this holds.
    pub(super) fn wait_until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !holds() {
            assert!(Instant::now() < deadline, "never came true: {what}\n{}", self.evidence());
            thread::sleep(GLANCE);
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        process::signal(self.child.as_ref().expect("it runs"), signal);
    }

    /// Sends it this signal, of which it ends.
    pub(super) fn end(&mut self, signal: Signal) {
        self.signal(signal);
        let mut child = self.child.take().expect("it runs");
        let ended = process::wait(&mut child, DEADLINE);
        assert!(ended.is_some(), "still running after {DEADLINE:?}\n{}", self.evidence());
    }

    /// A connection that has logged in.
    pub(super) fn client(&self) -> std::io::Result<Client> {
        let mut client = Client::connect(self.address())?;
        if let Some((user, password)) = &self.login {
            client.ask(&["AUTH", user, password])?;
        }
        Ok(client)
    }

    /// One command over a connection of its own.
    pub(super) fn try_command<W: AsRef<[u8]>>(&self, words: &[W]) -> std::io::Result<Reply> {
        self.client()?.ask(words)
    }

    fn log_path(&self) -> std::path::PathBuf {
        self.folder.path().join("its.log")
    }

    pub(super) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    /// What a person needs who reads of a failure.
    pub(super) fn evidence(&self) -> String {
        const LAST: usize = 40;
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST)..].join("\n");
        let state =
            self.child.as_ref().map_or("not running".to_owned(), |child| format!("pid {}", child.id()));
        format!("--- {:?} at {}, {state}, its log\n{last}\n---", self.kind, self.address())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.evidence());
        }
        if let Some(child) = &mut self.child {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
