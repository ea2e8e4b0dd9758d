//! The processes of a benchmark: the registry, an echo, a hello, a crowd of idle peers, a load generator. Each ends
//! with the value that stands for it. What they measure is none of its business.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::agents::Question;
use crate::exec;
use crate::load::{Order, Target};
use crate::redis_server::RedisServer;
use crate::sample::Sample;
use crate::{agents, bare_zeromq, idle, redis_server, roles};

/// The program under test.
pub(crate) const REGISTRY: &str = env!("CARGO_BIN_EXE_service-registry");

/// Where servers leave what they say.
const LOGS: &str = env!("CARGO_TARGET_TMPDIR");

/// How a registry ends a line, or the first part of one, when it has read the records of all agents.
const READ: &str = ": 100,000 records";

/// How long a process may take to be ready, or to stop when asked.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at a log.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// The command that starts the registry as it is started everywhere here: all but the ports and the address is as
/// it is by default, the log level too, whatever the variables of the caller's shell say.
pub(crate) fn registry_command(more: &[&str]) -> Command {
    command_of(REGISTRY, more)
}

/// The same for the registry of any build.
fn command_of(program: &str, more: &[&str]) -> Command {
    let options = ["--port", "0", "--health-port", "0", "--bind", "127.0.0.1"];
    let mut command = roles::command("exec", [&[program], &options[..], more].concat());
    let variables = std::env::vars_os().map(|(name, _)| name);
    for name in variables.filter(|name| name.to_string_lossy().starts_with("SERVICE_REGISTRY_")) {
        command.env_remove(name);
    }
    command
}

/// The command that starts an echo with a reply of so many bytes.
pub(crate) fn echo_command(reply_bytes: usize) -> Command {
    bare_command(&bare_zeromq::echo(reply_bytes).each_ref().map(String::as_str))
}

/// The command that starts a setter with the Redis at this port.
fn setter_command(redis_port: u16) -> Command {
    let (_, record) = agents::record(0);
    bare_command(&["setter", agents::PLAIN_SUCCESS, &redis_port.to_string(), redis_server::PREFIX, &record])
}

/// The command that starts the bare server with these arguments.
fn bare_command(arguments: &[&str]) -> Command {
    let mut command = roles::command("exec", [bare_zeromq::program()]);
    command.args(arguments);
    command
}

fn hello_command(reply_bytes: usize) -> Command {
    let itself = std::env::current_exe().expect("the path of this executable");
    let mut command = roles::command("exec", [itself]);
    command.args([exec::FLAG, &std::process::id().to_string(), "hello", &reply_bytes.to_string()]);
    command
}

/// A child that is stopped when this is dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Spawns it with its log in a file, and returns when what it has said by then `is_ready`.
    fn logged(name: &str, command: &mut Command, is_ready: impl Fn(&str) -> bool) -> (Self, PathBuf) {
        let log = Path::new(LOGS).join(format!("bench-{name}.log"));
        let file = File::create(&log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let mut process = Self::spawn(command.stdout(Stdio::null()).stderr(file));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let has_ended = !matches!(process.0.try_wait(), Ok(None));
            let said = said(&log);
            // A last line without its end may be half a line.
            if said.ends_with('\n') && is_ready(&said) {
                return (process, log);
            }
            let may_be = !has_ended && Instant::now() < deadline;
            assert!(may_be, "{command:?} is not ready, having said:\n{said}");
            thread::sleep(LOOK_AGAIN);
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.0);
        if let (Ok(None), Ok(handle)) = (self.0.try_wait(), pidfd_open(pid, PidfdFlags::empty())) {
            let _ = kill_process(pid, Signal::TERM);
            let patience = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
            let _ = poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&patience));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server that has said that it is ready.
pub(crate) struct Server {
    process: Process,
    address: SocketAddrV4,
    log: PathBuf,
}

impl Server {
    /// `name` tells its log from the others'; `more` are further flags.
    pub(crate) fn registry(name: &str, more: &[&str]) -> Self {
        Self::of(REGISTRY, name, more)
    }

    /// The same of any build.
    pub(crate) fn of(program: &str, name: &str, more: &[&str]) -> Self {
        Self::start(name, &mut command_of(program, more), is_up)
    }

    /// A registry that keeps its agents in `redis`, and has read all that are there.
    pub(crate) fn behind(redis: &RedisServer, name: &str, more: &[&str]) -> Self {
        let is_ready = |said: &str| is_up(said) && said.contains(READ);
        Self::start(name, &mut registry_command(&[&redis.flags()[..], more].concat()), is_ready)
    }

    /// An echo with a reply of so many bytes.
    pub(crate) fn echo(name: &str, reply_bytes: usize) -> Self {
        Self::plain(name, &mut echo_command(reply_bytes))
    }

    /// A hello with a reply of so many bytes.
    pub(crate) fn hello(name: &str, reply_bytes: usize) -> Self {
        Self::plain(name, &mut hello_command(reply_bytes))
    }

    /// A setter with a Redis of its own.
    pub(crate) fn setter(name: &str, redis: &RedisServer) -> Self {
        Self::plain(name, &mut setter_command(redis.port()))
    }

    fn plain(name: &str, command: &mut Command) -> Self {
        Self::start(name, command, |said| said.lines().any(|line| port(line).is_some()))
    }

    fn start(name: &str, command: &mut Command, is_ready: impl Fn(&str) -> bool) -> Self {
        let (process, log) = Process::logged(name, command, is_ready);
        let said = said(&log);
        let port = said.lines().find_map(port).unwrap_or_else(|| panic!("no port in:\n{said}"));
        Self { process, address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, port), log }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(crate) const fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// All of its log.
    pub(crate) fn said(&self) -> String {
        said(&self.log)
    }
}

fn is_up(said: &str) -> bool {
    said.lines().any(|line| line.ends_with("ready"))
}

fn said(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_else(|error| format!("{}: {error}", log.display()))
}

/// The port that a server's line names: `registry port 7100 (…`, or an echo's `port 7100`.
pub(crate) fn port(line: &str) -> Option<u16> {
    let (before, after) = line.split_once("port ")?;
    let digits = after.split(|character: char| !character.is_ascii_digit()).next()?;
    (before.is_empty() || before.ends_with("registry ")).then(|| digits.parse().ok()).flatten()
}

/// So many peers that have asked once and stay until this is dropped.
pub(crate) fn idle_peers(server: &Server, count: usize) -> Process {
    let mut command = roles::command("idle", [server.address().to_string(), count.to_string()]);
    let is_ready = |said: &str| said.lines().any(|line| line == idle::SETTLED);
    Process::logged("idle", &mut command, is_ready).0
}

/// Runs a load generator to its end.
pub(crate) fn load(order: &Order, server: &Server) -> Sample {
    let target = Target { address: server.address, pid: server.pid() };
    let sample = measured(roles::command("load", roles::load_arguments(&target, order)));
    sample.unwrap_or_else(|error| panic!("{error}\nserver {}:\n{}", server.address, server.said()))
}

/// Runs a client that has nothing but Redis to its end.
pub(crate) fn bare(question: Question, redis: &RedisServer, duration: Duration) -> Sample {
    let [port, pid, millis] = [redis.port().into(), redis.pid().into(), duration.as_millis()];
    let arguments = [&port.to_string(), &pid.to_string(), question.name(), &millis.to_string()];
    measured(roles::command("bare", arguments)).unwrap_or_else(|error| panic!("{error}"))
}

/// What a process has measured, which is all that it prints.
fn measured(mut command: Command) -> Result<Sample, String> {
    let output = command.stderr(Stdio::piped()).output().expect("a load generator starts");
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let sample = said.trim().parse();
    sample.map_err(|error: String| format!("{error}\nload generator: {}: {complained}", output.status))
}
