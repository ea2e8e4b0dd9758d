//! Three sentinels that watch one master. Each has what it writes into its own folder.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use rustix::process::Signal;

use super::RedisServer;
use super::daemon::{Daemon, Kind};
use super::resp::Reply;

/// The name under which they watch it.
pub(crate) const SERVICE: &str = "registry";

pub(crate) struct SentinelGroup {
    sentinels: Vec<Daemon>,
}

impl SentinelGroup {
    /// Three of them, two of whom decide that a master is down when it has been silent for a second.
    pub(crate) fn watch(master: &RedisServer) -> SentinelGroup {
        SentinelGroup::watch_with(master, None, "")
    }

    /// Where they themselves have a password, and with further lines of sentinel.conf.
    pub(crate) fn watch_with(master: &RedisServer, password: Option<&str>, lines: &str) -> SentinelGroup {
        SentinelGroup::at(Ipv4Addr::LOCALHOST.into(), master.address(), password, |_| lines.to_owned())
    }

    /// The same at another address of this host.
    pub(crate) fn watch_from(
        host: IpAddr,
        master: &RedisServer,
        password: Option<&str>,
        lines: &str,
    ) -> SentinelGroup {
        SentinelGroup::at(host, master.address(), password, |_| lines.to_owned())
    }

    /// Where the master is at another address than it has for the test, with further lines for each of them.
    pub(crate) fn watch_at(
        master: SocketAddr,
        password: Option<&str>,
        lines: impl Fn(usize) -> String,
    ) -> SentinelGroup {
        SentinelGroup::at(Ipv4Addr::LOCALHOST.into(), master, password, lines)
    }

    fn at(
        host: IpAddr,
        at: SocketAddr,
        password: Option<&str>,
        lines: impl Fn(usize) -> String,
    ) -> SentinelGroup {
        let login = password.map(|password| ("default".to_owned(), password.to_owned()));
        let requirepass = password.map_or(String::new(), |password| format!("requirepass {password}\n"));
        let start = |n| {
            let lines = lines(n);
            Daemon::start(Kind::Sentinel, host, login.clone(), |own, folder| {
                format!(
                    "bind {}\nport {}\ndir {}\nprotected-mode no\nsentinel monitor {SERVICE} {} {} 2\n\
                     sentinel down-after-milliseconds {SERVICE} 1000\nsentinel failover-timeout {SERVICE} 5000\n\
                     {requirepass}{lines}",
                    own.ip(),
                    own.port(),
                    folder.display(),
                    at.ip(),
                    at.port()
                )
            })
        };
        let group = SentinelGroup { sentinels: (0..3).map(start).collect() };
        group.wait_until_acquainted();
        group
    }

    /// They have found each other, and the replicas there are.
    fn wait_until_acquainted(&self) {
        for sentinel in &self.sentinels {
            sentinel.wait_until("the sentinels know each other", || {
                let others = sentinel.try_command(&["SENTINEL", "SENTINELS", SERVICE]);
                others.is_ok_and(|others| matches!(others, Reply::Array(others) if others.len() == 2))
            });
        }
    }

    /// They know so many replicas, of which they can make a master.
    pub(crate) fn wait_for_replicas(&self, count: usize) {
        for sentinel in &self.sentinels {
            sentinel.wait_until("the sentinels know the replicas", || {
                let replicas = sentinel.try_command(&["SENTINEL", "REPLICAS", SERVICE]).unwrap().array();
                let promotable = replicas.into_iter().filter(|replica| member(replica, "flags") == "slave");
                promotable.filter(|replica| member(replica, "master-link-status") == "ok").count() == count
            });
        }
    }

    pub(crate) fn ports(&self) -> Vec<u16> {
        self.sentinels.iter().map(|sentinel| sentinel.address().port()).collect()
    }

    /// With `user:password@` of the master in it, and what follows the service's name.
    pub(crate) fn url_with(&self, login: &str, rest: &str) -> String {
        let places: Vec<String> = self.sentinels.iter().map(|one| one.address().to_string()).collect();
        format!("redis+sentinel://{login}{}/{SERVICE}{rest}", places.join(","))
    }

    /// The master's port, as sentinel number `n` has it.
    pub(crate) fn master(&self, n: usize) -> u16 {
        let reply = self.sentinels[n].try_command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE]);
        reply.unwrap().array().remove(1).text().parse().unwrap()
    }

    /// Waits until each living sentinel has another master than this, and gives its port.
    pub(crate) fn wait_for_another_master(&self, than: u16, living: &[usize]) -> u16 {
        for n in living {
            self.sentinels[*n].wait_until("another master", || self.master(*n) != than);
        }
        self.master(living[0])
    }

    /// Makes another one master, while all are well.
    pub(crate) fn fail_over(&self) {
        let reply = self.sentinels[0].try_command(&["SENTINEL", "FAILOVER", SERVICE]).unwrap();
        assert_eq!(reply, Reply::Status("OK".to_owned()), "{}", self.sentinels[0].evidence());
    }

    /// One command to each of them.
    pub(crate) fn tell_all(&self, words: &[&str]) {
        for sentinel in &self.sentinels {
            let reply = sentinel.try_command(words).unwrap();
            assert!(!matches!(reply, Reply::Error(_)), "{reply}\n{}", sentinel.evidence());
        }
    }

    /// How many listen to what one of them tells.
    pub(crate) fn listeners(&self, n: usize) -> usize {
        let clients = self.sentinels[n].try_command(&["CLIENT", "LIST"]).unwrap().text();
        clients.lines().filter(|client| client.contains(" sub=1 ")).count()
    }

    pub(crate) fn kill(&mut self, n: usize) {
        self.sentinels[n].end(Signal::KILL);
    }

    pub(crate) fn pause(&self, n: usize) {
        self.sentinels[n].signal(Signal::STOP);
    }

    pub(crate) fn go_on(&self, n: usize) {
        self.sentinels[n].signal(Signal::CONT);
    }

    /// Starts it again with what it had written.
    pub(crate) fn start_again(&mut self, n: usize) {
        self.sentinels[n].run();
        assert!(self.sentinels[n].wait_for_pong(), "it ended\n{}", self.sentinels[n].evidence());
    }
}

/// The value behind a name, in a flat list of names and values.
fn member(list: &Reply, name: &str) -> String {
    let words: Vec<String> = list.clone().array().into_iter().map(Reply::text).collect();
    words.chunks(2).find(|pair| pair[0] == name).map_or(String::new(), |pair| pair[1].clone())
}
