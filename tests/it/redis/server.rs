//! Real Redis servers for the tests: each on a port of its own on loopback and in a temporary folder, gone with its test.
//! They can be killed, paused, started again with what they had, and asked anything. Nothing here knows the registry.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use rustix::process::Signal;

use daemon::{Daemon, Kind};
pub(crate) use place::{Folder, Port};
pub(crate) use resp::{Client, Reply};
pub(crate) use sentinel::{SERVICE, SentinelGroup};

// Each by its path, so that they are found from any program that has this file.
#[path = "server/daemon.rs"]
mod daemon;
#[path = "server/place.rs"]
mod place;
#[path = "server/resp.rs"]
mod resp;
#[path = "server/sentinel.rs"]
mod sentinel;

/// How a server is to be started.
#[derive(Clone)]
pub(crate) struct Setup {
    host: IpAddr,
    lines: Vec<String>,
    login: Option<(String, String)>,
    unix: bool,
}

impl Setup {
    pub(crate) fn new() -> Setup {
        Setup { host: Ipv4Addr::LOCALHOST.into(), lines: Vec::new(), login: None, unix: false }
    }

    /// Another address of this host.
    pub(crate) fn on(mut self, host: impl Into<IpAddr>) -> Setup {
        self.host = host.into();
        self
    }

    /// A further line of redis.conf.
    pub(crate) fn line(mut self, line: impl Into<String>) -> Setup {
        self.lines.push(line.into());
        self
    }

    /// Whoever connects must say this password.
    pub(crate) fn password(self, password: &str) -> Setup {
        Setup { login: Some(("default".to_owned(), password.to_owned())), ..self }
            .line(format!("requirepass {password}"))
            .line(format!("masterauth {password}"))
    }

    /// It listens on a Unix socket as well.
    pub(crate) fn unix(mut self) -> Setup {
        self.unix = true;
        self
    }

    pub(crate) fn replica_of(self, master: &RedisServer) -> Setup {
        let address = master.address();
        self.line(format!("replicaof {} {}", address.ip(), address.port()))
    }

    pub(crate) fn start(self) -> RedisServer {
        let login = self.login.clone();
        RedisServer {
            daemon: Daemon::start(Kind::Server, self.host, login, |at, folder| self.config(at, folder)),
        }
    }

    /// Nothing is written to a disk unless the test asks for it.
    fn config(&self, at: SocketAddr, folder: &std::path::Path) -> String {
        let mut lines = vec![
            format!("bind {}", at.ip()),
            format!("port {}", at.port()),
            format!("dir {}", folder.display()),
            "protected-mode no".to_owned(),
            "save \"\"".to_owned(),
            "appendonly no".to_owned(),
            "enable-debug-command local".to_owned(),
            // Otherwise a replica's first copy of its master starts 5 s after it came.
            "repl-diskless-sync-delay 0".to_owned(),
        ];
        if self.unix {
            lines.push(format!("unixsocket {}", socket_in(folder).display()));
        }
        lines.extend(self.lines.iter().cloned());
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

fn socket_in(folder: &std::path::Path) -> PathBuf {
    folder.join("its.sock")
}

/// A running server, or one that is down for a while. Dropping it ends it.
pub(crate) struct RedisServer {
    daemon: Daemon,
}

impl RedisServer {
    pub(crate) fn start() -> RedisServer {
        Setup::new().start()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.daemon.address()
    }

    pub(crate) fn port(&self) -> u16 {
        self.address().port()
    }

    /// Database 0 of it, without user and password.
    pub(crate) fn url(&self) -> String {
        self.url_with("", 0)
    }

    /// With `user:password@` in it, and another database.
    pub(crate) fn url_with(&self, login: &str, database: u32) -> String {
        format!("redis://{login}{}/{database}", self.address())
    }

    /// The path of its Unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        socket_in(self.daemon.folder().path())
    }

    /// A folder for the test's own files, gone with the server.
    pub(crate) fn folder(&self) -> &Folder {
        self.daemon.folder()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// A connection to keep.
    pub(crate) fn client(&self) -> Client {
        self.daemon.client().unwrap_or_else(|e| panic!("{e}\n{}", self.evidence()))
    }

    /// One command over a connection of its own. An error is a failure.
    pub(crate) fn command<W: AsRef<[u8]>>(&self, words: &[W]) -> Reply {
        let shown =
            || words.iter().map(|w| w.as_ref().escape_ascii().to_string()).collect::<Vec<_>>().join(" ");
        match self.try_command(words) {
            Ok(Reply::Error(error)) => panic!("{error}: {:.200}\n{}", shown(), self.evidence()),
            Ok(reply) => reply,
            Err(error) => panic!("{error}: {:.200}\n{}", shown(), self.evidence()),
        }
    }

    /// The same where the server may refuse, be silent or be gone.
    pub(crate) fn try_command<W: AsRef<[u8]>>(&self, words: &[W]) -> std::io::Result<Reply> {
        self.daemon.try_command(words)
    }

    /// Many commands over one connection, with no wait between them. An error is a failure.
    pub(crate) fn commands<W: AsRef<[u8]>>(&self, commands: &[Vec<W>]) -> Vec<Reply> {
        let mut client = self.client();
        let mut replies = Vec::with_capacity(commands.len());
        for batch in commands.chunks(500) {
            replies.extend(client.ask_all(batch).unwrap_or_else(|e| panic!("{e}\n{}", self.evidence())));
        }
        let error = replies.iter().find(|reply| matches!(reply, Reply::Error(_)));
        assert_eq!(error, None, "{}", self.evidence());
        replies
    }

    /// `SET`.
    pub(crate) fn set(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.command(&[b"SET", key.as_ref(), value.as_ref()]);
    }

    /// The string under this key, if there is one.
    pub(crate) fn get(&self, key: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        match self.command(&[b"GET", key.as_ref()]) {
            Reply::Nil => None,
            reply => Some(reply.bytes()),
        }
    }

    /// What the test's own connections say from now on.
    pub(crate) fn log_in_as(&mut self, user: &str, password: &str) {
        self.daemon.login = Some((user.to_owned(), password.to_owned()));
    }

    /// The connections there are, but for the one that asks: a line of `CLIENT LIST` each.
    pub(crate) fn clients(&self) -> Vec<Connected> {
        let mut client = self.client();
        let own = client.ask(&["CLIENT", "ID"]).unwrap().integer();
        let list = client.ask(&["CLIENT", "LIST"]).unwrap().text();
        list.lines().map(Connected::parse).filter(|one| one.id() != own).collect()
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&mut self) {
        self.daemon.end(Signal::KILL);
    }

    /// Ends it as an operator would; what it keeps on disk is whole then.
    pub(crate) fn terminate(&mut self) {
        self.daemon.end(Signal::TERM);
    }

    /// Silent from now on, with all its connections open; new ones are still accepted by the kernel.
    pub(crate) fn pause(&self) {
        self.daemon.signal(Signal::STOP);
    }

    pub(crate) fn go_on(&self) {
        self.daemon.signal(Signal::CONT);
    }

    /// Starts it again on the same port with the same folder, and waits until it answers.
    pub(crate) fn start_again(&mut self) {
        self.start_loading("");
        assert!(self.daemon.wait_for_pong(), "it ended\n{}", self.evidence());
    }

    /// Starts it again with further lines of redis.conf, and does not wait: it may be loading what it has on disk.
    pub(crate) fn start_loading(&mut self, lines: &str) {
        self.daemon.add_to_config(lines);
        self.daemon.run();
    }

    /// Waits until this holds.
    pub(crate) fn wait_until(&self, what: &str, holds: impl FnMut() -> bool) {
        self.daemon.wait_until(what, holds);
    }

    /// Waits until so many replicas have all that it has, and say so when they are asked.
    pub(crate) fn wait_for_replicas(&self, count: u8) {
        let mut client = self.client();
        self.wait_until("replicas", || {
            // It is passed on to replicas, and counts as the last thing that this connection did.
            client.ask(&["PUBLISH", "nobody", "listens"]).unwrap();
            client.ask(&["WAIT", &count.to_string(), "100"]).unwrap() == Reply::Integer(count.into())
        });
    }

    /// All that it has logged.
    pub(crate) fn log(&self) -> String {
        self.daemon.log()
    }

    /// What a person needs who reads of a failure.
    pub(crate) fn evidence(&self) -> String {
        self.daemon.evidence()
    }
}

/// One connection as Redis sees it.
#[derive(Debug, Clone)]
pub(crate) struct Connected(Vec<(String, String)>);

impl Connected {
    fn parse(line: &str) -> Connected {
        let members = line.split(' ').filter_map(|word| word.split_once('='));
        Connected(members.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// A member such as `cmd`, `sub`, `flags`.
    pub(crate) fn member(&self, name: &str) -> &str {
        let member = self.0.iter().find(|(n, _)| n == name);
        &member.unwrap_or_else(|| panic!("no {name} in {self:?}")).1
    }

    pub(crate) fn id(&self) -> i64 {
        self.member("id").parse().unwrap()
    }

    /// Whether it is told of changes.
    pub(crate) fn subscribes(&self) -> bool {
        self.member("sub") != "0"
    }
}
