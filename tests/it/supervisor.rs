//! What a supervisor sees and gives, as systemd would: the notification socket, the watchdog, and sockets that it has opened
//! already.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::agent::Agent;
use crate::curl;
use crate::process::DEADLINE;
use crate::redis::server::{Folder, RedisServer};
use crate::registry::{Registry, Start};

/// A supervisor's end of the notification socket.
struct Supervisor {
    socket: UnixDatagram,
    path: PathBuf,
    _folder: Folder,
}

impl Supervisor {
    fn new() -> Supervisor {
        let folder = Folder::new();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Supervisor { socket, path, _folder: folder }
    }

    fn starting(&self) -> Start {
        Start::new().env("NOTIFY_SOCKET", &self.path)
    }

    /// The next that it is told; `None` where it is told nothing for so long.
    fn hears_within(&self, within: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(within)).unwrap();
        let mut told = [0; 4096];
        match self.socket.recv(&mut told) {
            Ok(length) => Some(String::from_utf8(told[..length].to_vec()).unwrap().trim_end().to_owned()),
            Err(e) if e.kind() == ErrorKind::WouldBlock => None,
            Err(e) => panic!("{e}"),
        }
    }

    /// Listens until it is told this.
    fn hears(&self, wanted: &str) -> Instant {
        let deadline = Instant::now() + DEADLINE;
        let mut told = Vec::new();
        while let Some(line) = self.hears_within(deadline.saturating_duration_since(Instant::now())) {
            if line == wanted {
                return Instant::now();
            }
            told.push(line);
        }
        panic!("never told {wanted:?}, but {told:?}");
    }
}

#[test]
fn it_is_told_of_readiness_then_of_all_that_changes_then_of_the_stop() {
    let supervisor = Supervisor::new();
    let registry = supervisor.starting().spawn();
    assert_eq!(supervisor.hears_within(DEADLINE).as_deref(), Some("READY=1"));
    assert_eq!(supervisor.hears_within(DEADLINE).as_deref(), Some("STATUS=0 agents, 0 peers"));
    let agent = Agent::connect(registry.port());
    for name in ["a", "b"] {
        agent.json(json!({"action": "register_agent", "agent_id": name, "host": "h", "port": 1}));
    }
    supervisor.hears("STATUS=2 agents, 1 peer");
    drop(agent);
    supervisor.hears("STATUS=2 agents, 0 peers");
    registry.signal(Signal::TERM);
    assert_eq!(supervisor.hears_within(DEADLINE).as_deref(), Some("STOPPING=1"));
    let mut registry = registry;
    assert_eq!(registry.finish(DEADLINE).status.code(), Some(0));
}

#[test]
fn a_status_comes_once_a_second_and_only_where_it_is_another() {
    let supervisor = Supervisor::new();
    let registry = supervisor.starting().spawn();
    supervisor.hears("STATUS=0 agents, 0 peers");
    let agent = Agent::connect(registry.port());
    let began = Instant::now();
    let mut registered = 0;
    while began.elapsed() < Duration::from_millis(2500) {
        let name = format!("agent-{}", registered % 300);
        agent.json(json!({"action": "register_agent", "agent_id": name, "host": "h", "port": 1}));
        registered += 1;
    }
    let mut told = Vec::new();
    while let Some(line) = supervisor.hears_within(Duration::from_millis(1500)) {
        told.push(line);
    }
    // Of thousands of changes, in two seconds and a half and the moment behind them.
    assert!((1..=4).contains(&told.len()), "{told:?}");
    assert!(told.windows(2).all(|two| two[0] != two[1]), "{told:?}");
    assert_eq!(told.last().unwrap(), &format!("STATUS={} agents, 1 peer", registered.min(300)));
}

/// A supervisor that is stuck, or somebody else's socket that nobody reads.
#[test]
fn who_does_not_listen_holds_up_no_stop() {
    let supervisor = Supervisor::new();
    let mut registry = supervisor.starting().spawn();
    supervisor.hears("STATUS=0 agents, 0 peers");
    let stuffing = UnixDatagram::unbound().unwrap();
    stuffing.set_nonblocking(true).unwrap();
    while stuffing.send_to(b"stuffing", &supervisor.path).is_ok() {}
    registry.signal(Signal::TERM);
    let began = Instant::now();
    assert_eq!(registry.finish(DEADLINE).status.code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn redis_away_keeps_nobody_waiting_for_readiness() {
    let supervisor = Supervisor::new();
    let mut server = RedisServer::start();
    server.kill();
    let registry = supervisor.starting().args(["--backend", "redis", "--redis-url", &server.url()]).spawn();
    supervisor.hears("READY=1");
    supervisor.hears("STATUS=redis out of reach, 0 peers");
    server.start_again();
    supervisor.hears("STATUS=0 agents, redis live, 0 peers");
    drop(registry);
}

#[test]
fn a_silent_redis_keeps_nobody_waiting_either() {
    let supervisor = Supervisor::new();
    let server = RedisServer::start();
    server.pause();
    let _registry = supervisor.starting().args(["--backend", "redis", "--redis-url", &server.url()]).spawn();
    supervisor.hears("READY=1");
    server.go_on();
    supervisor.hears("STATUS=0 agents, redis live, 0 peers");
}

/// Whether it is fed at all is all that can be seen from here: tests of packages stop the main thread alone.
#[test]
fn the_watchdog_is_fed_twice_in_its_time() {
    let supervisor = Supervisor::new();
    let registry = supervisor.starting().env("WATCHDOG_USEC", "1000000").spawn();
    let first = supervisor.hears("WATCHDOG=1");
    for _ in 0..6 {
        supervisor.hears("WATCHDOG=1");
    }
    assert!(first.elapsed() < Duration::from_secs(6), "{:?} for six", first.elapsed());
    assert_eq!(curl::get(registry.health_port(), "/livez").status, 200);
    let mut registry = registry;
    registry.signal(Signal::TERM);
    assert_eq!(registry.finish(DEADLINE).status.code(), Some(0));
}

#[test]
fn a_watchdog_of_another_process_is_not_fed() {
    let supervisor = Supervisor::new();
    let start = supervisor.starting().env("WATCHDOG_USEC", "100000").env("WATCHDOG_PID", "1");
    let _registry = start.spawn();
    assert_eq!(supervisor.hears_within(DEADLINE).as_deref(), Some("READY=1"));
    assert_eq!(supervisor.hears_within(DEADLINE).as_deref(), Some("STATUS=0 agents, 0 peers"));
    assert_eq!(supervisor.hears_within(Duration::from_millis(500)), None);
}

/// Threads' context switches of both kinds.
fn switches(registry: &Registry) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", registry.pid())).unwrap();
    let of = |task: std::io::Result<std::fs::DirEntry>| {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let counts = status.lines().filter(|line| line.contains("ctxt_switches"));
        counts.map(|line| line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()).sum::<u64>()
    };
    tasks.map(of).sum()
}

#[test]
fn without_a_watchdog_nothing_wakes_it() {
    let supervisor = Supervisor::new();
    let registry = supervisor.starting().spawn();
    supervisor.hears("STATUS=0 agents, 0 peers");
    let mut last = switches(&registry);
    // What a start leaves to do may take a moment, on a busy machine several.
    registry.wait_until("three seconds in which nothing wakes it", || {
        std::thread::sleep(Duration::from_secs(3));
        let before = std::mem::replace(&mut last, switches(&registry));
        before == last
    });
}

/// A listener as systemd makes one.
fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// With the listeners as descriptors 3 and 4, by these names.
fn activated(registry: &TcpListener, health: &TcpListener, names: &str) -> Start {
    let script = format!(
        "exec 3<&0 4<&1 </dev/null >/dev/null; LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES={names} exec \"$0\" \"$@\""
    );
    let handed = [registry, health].map(|listener| listener.try_clone().unwrap().into());
    Start::new().through(["bash", "-c", &script]).handing_over(handed)
}

fn register(port: u16, name: &str) {
    let registered = Agent::connect(port)
        .json(json!({"action": "register_agent", "agent_id": name, "host": "h", "port": 1}));
    assert_eq!(registered, json!({"status": "success"}));
}

#[test]
fn sockets_that_are_open_already_are_used() {
    let (one, other) = (listener(), listener());
    let [port, health_port] = [&one, &other].map(|listener| listener.local_addr().unwrap().port());
    let registry =
        activated(&one, &other, "registry:health").args(["--port", "1", "--health-port", "2"]).spawn();
    assert_eq!((registry.port(), registry.health_port()), (port, health_port));
    register(port, "a");
    assert_eq!(curl::get(health_port, "/health").json()["agents"], 1);
    assert_eq!(curl::post(port, r#"{"action":"list_agents"}"#).json()["agents"], json!(["a"]));
    registry.terminate();
}

#[test]
fn names_tell_them_apart_whatever_their_order() {
    let (one, other) = (listener(), listener());
    let registry = activated(&one, &other, "health:registry").spawn();
    let [health_port, port] = [&one, &other].map(|listener| listener.local_addr().unwrap().port());
    assert_eq!((registry.port(), registry.health_port()), (port, health_port));
}

/// Who connects between two lives waits in the queue, and is answered by the second.
#[test]
fn a_restart_refuses_no_connection() {
    let (one, other) = (listener(), listener());
    let port = one.local_addr().unwrap().port();
    let first = activated(&one, &other, "registry:health").spawn();
    register(port, "a");
    first.terminate();
    let mut between = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let second = activated(&one, &other, "registry:health").spawn();
    use std::io::{Read, Write};
    between.set_read_timeout(Some(DEADLINE)).unwrap();
    between.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = String::new();
    between.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    register(second.port(), "b");
}

#[test]
fn what_is_handed_over_and_will_not_do_is_named() {
    let (one, other) = (listener(), listener());
    for (names, told) in [
        (
            "registry:http",
            "socket activation: a socket is named \"http\"; FileDescriptorName= must be registry or health",
        ),
        ("registry", "socket activation: invalid LISTEN_FDNAMES"),
    ] {
        let finished = activated(&one, &other, names).run_to_end();
        assert_eq!(finished.status.code(), Some(1), "{finished}");
        assert_eq!(
            finished.stderr.lines().last().unwrap(),
            format!("service-registry: {told}"),
            "{finished}"
        );
    }
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let script =
        "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=registry exec \"$0\" \"$@\"";
    let finished = Start::new().through(["bash", "-c", script]).handing_over([datagrams.into()]).run_to_end();
    let told = "service-registry: socket activation: the socket named registry is no TCP socket; it must be a TCP socket \
                that listens (ListenStream=)";
    assert_eq!(finished.stderr.lines().last(), Some(told), "{finished}");
}
