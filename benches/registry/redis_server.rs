//! A Redis of the benchmark's own: on a free port of the loopback, with its files in a folder that goes with it, and
//! nothing kept on disk, so that no snapshot falls into a measurement. Ended by its pid, with the value that stands for it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use redis::{Client, Connection, ConnectionInfo, IntoConnectionInfo, RedisResult, cmd};

use crate::agents::{self, AGENTS};
use crate::children::Process;
use crate::roles;

/// Found where the shell finds it.
const PROGRAM: &str = "redis-server";
/// Where its folder is.
const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// A port may be taken by somebody else before it is used.
const STARTS: usize = 3;
/// So many records go there at once.
const STEP: usize = 1000;

/// What a registry puts before a name by default, to make it a key.
pub(crate) const PREFIX: &str = "service_registry:";

pub(crate) struct RedisServer {
    // Before the folder: that goes when nobody writes there any more.
    process: Process,
    port: u16,
    url: String,
    _folder: Folder,
}

impl RedisServer {
    /// Starts one that holds the record of each agent, as a registry would have written it.
    pub(crate) fn filled(name: &str) -> Self {
        let server = Self::start(name);
        let filled = server.fill();
        filled.unwrap_or_else(|error| panic!("filling {name}: {error}"));
        server
    }

    fn start(name: &str) -> Self {
        (0..STARTS)
            .find_map(|_| Self::try_start(name))
            .unwrap_or_else(|| panic!("{PROGRAM} does not start: is the package installed?"))
    }

    fn try_start(name: &str) -> Option<Self> {
        let folder = Folder::new(name);
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port().to_string();
        let address = ["--bind", "127.0.0.1", "--port", &port, "--dir", folder.0.to_str()?];
        let keeping_nothing = ["--save", "", "--appendonly", "no"];
        let mut command = roles::command("exec", [&[PROGRAM], &address[..], &keeping_nothing].concat());
        let process = Process::spawn(command.stdout(Stdio::null()).stderr(Stdio::null()));
        let url = format!("redis://127.0.0.1:{port}/0");
        let mut server = Self { process, port: port.parse().ok()?, url, _folder: folder };
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && matches!(server.process.0.try_wait(), Ok(None)) {
            if server.connect().is_ok() {
                return Some(server);
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    }

    fn fill(&self) -> RedisResult<()> {
        let mut connection = self.connect()?;
        for first in (0..AGENTS).step_by(STEP) {
            let mut set = cmd("MSET");
            for agent in first..AGENTS.min(first + STEP as u32) {
                let (name, record) = agents::record(agent);
                set.arg(key(&name)).arg(record);
            }
            set.exec(&mut connection)?;
        }
        Ok(())
    }

    /// What makes a registry keep its agents here.
    pub(crate) fn flags(&self) -> [&str; 4] {
        ["--backend", "redis", "--redis-url", &self.url]
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    fn connect(&self) -> RedisResult<Connection> {
        connect(self.port)
    }

    /// Cuts each instance that follows its changes off, so that it has to read all records again.
    pub(crate) fn cut_off_followers(&self) -> RedisResult<u32> {
        cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub").query(&mut self.connect()?)
    }
}

/// A connection as the crate makes it, which blocks; but without Nagle's algorithm, as every connection here.
pub(crate) fn connect(port: u16) -> RedisResult<Connection> {
    let info: ConnectionInfo = ("127.0.0.1", port).into_connection_info()?;
    let settings = info.tcp_settings().clone().set_nodelay(true);
    Client::open(info.set_tcp_settings(settings))?.get_connection_with_timeout(PATIENCE)
}

/// Where Redis holds the record of an agent.
pub(crate) fn key(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// Removed when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(FOLDER).join(format!("bench-redis-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{}: {error}", self.0.display());
        }
    }
}
