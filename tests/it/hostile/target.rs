//! The daemon that all of this is sent to, seen from outside: what it answers, what it logs, and what /proc tells of its
//! process. It is at rest when it holds what it held before the first hostile byte, and no connection.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::agent::shown;
use crate::handoff::zmtp::{Peer, Version};
use crate::http;
use crate::process::DEADLINE;
use crate::raw::Raw;
use crate::registry::Registry;

const REGISTER: &str = r#"{"action":"register_agent","agent_id":"Alpha","host":"10.1.2.3","port":5000}"#;
const LOOKUP: &str = r#"{"action":"get_agent_endpoint","agent_name":"Alpha"}"#;
pub(super) const LISTED: &[u8] = br#"{"status":"success","agents":["Alpha"]}"#;

/// One of its two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Registry,
    Health,
}

pub(super) const PLACES: [Place; 2] = [Place::Registry, Place::Health];

/// What it holds.
#[derive(Debug)]
struct Holdings {
    descriptors: usize,
    threads: usize,
    /// Of both ports, as the system's table has them.
    connections: usize,
}

/// What the health object counts, as far as this touches it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) bad_requests: u64,
    pub(super) timed_out: u64,
    refused: u64,
    lost_replies: u64,
    accept_pauses: u64,
    /// Connections of the registry port, at this moment.
    open: u64,
}

/// What must have been added to them.
#[derive(Clone, Debug, Default)]
pub(super) struct Added {
    /// Two numbers, where a reset may have come before the registry's look at what it ends.
    pub(super) bad_requests: (u64, u64),
    pub(super) timed_out: u64,
}

impl Added {
    fn holds(&self, before: &Counts, now: &Counts) -> bool {
        let bad_requests = now.bad_requests - before.bad_requests;
        let exactly = Counts {
            bad_requests: now.bad_requests,
            timed_out: before.timed_out + self.timed_out,
            open: 0,
            ..*before
        };
        (self.bad_requests.0..=self.bad_requests.1).contains(&bad_requests) && *now == exactly
    }
}

pub(super) struct Target {
    pub(super) registry: Registry,
    ports: [u16; 2],
    /// The reply to [`LOOKUP`].
    looked_up: Vec<u8>,
    /// When the process began, as the system counts it: another one with the same number began later.
    began: String,
    at_rest: Holdings,
    /// When it was last at rest.
    counts: Counts,
}

impl Target {
    /// With one agent in it, and at rest.
    pub(super) fn start() -> Target {
        let registry = Registry::with(&["--log-level", "debug"]);
        let ports = [registry.port(), registry.health_port()];
        let began = process_field(registry.pid(), BEGAN);
        let at_rest = Holdings { descriptors: 0, threads: 0, connections: 0 };
        let (looked_up, counts) = (vec![], Counts::default());
        let mut target = Target { registry, ports, looked_up, began, at_rest, counts };
        target.over_zmtp(Place::Registry, REGISTER.as_bytes());
        target.looked_up = target.over_zmtp(Place::Registry, LOOKUP.as_bytes());
        target.assert_answers("nothing yet");
        target.wait_until_alone();
        target.at_rest = target.holdings();
        target.counts = target.counts_now();
        target
    }

    pub(super) fn port(&self, place: Place) -> u16 {
        self.ports[place as usize]
    }

    fn over_zmtp(&self, place: Place, request: &[u8]) -> Vec<u8> {
        let connection = Raw::connect(self.port(place));
        Peer::meet(connection.stream(), Version::V3_1).ask(request)
    }

    /// Until it has seen everybody go: who is gone counts against the limit of his address until then.
    pub(super) fn wait_until_alone(&self) {
        self.registry.wait_until("no connection is held", || self.holdings().connections == 0);
    }

    /// It is the same process, answers everybody, has complained of nothing, returns to what it held, and has counted this
    /// since it was last at rest.
    pub(super) fn assert_at_rest(&mut self, after: &str, added: &Added) {
        let began = process_field(self.registry.pid(), BEGAN);
        assert_eq!(began, self.began, "another process after {after}\n{}", self.registry.evidence());
        self.assert_answers(after);
        self.wait_for(&format!("what it held before {after}"), || {
            let now = self.holdings();
            (self.is_at_rest(&now), format!("{now:?} and before it {:?}", self.at_rest))
        });
        self.wait_for(&format!("what it must have counted after {after}"), || {
            let (before, now) = (self.counts, self.counts_now());
            (added.holds(&before, &now), format!("{now:?}, of {before:?} and {added:?}"))
        });
        self.counts = self.counts_now();
        let complaints = self.registry.log_lines(is_complaint);
        assert!(complaints.is_empty(), "after {after} it complains: {complaints:#?}");
    }

    /// Waits until this is true, and tells at the end what it is instead.
    fn wait_for(&self, what: &str, mut look: impl FnMut() -> (bool, String)) {
        let last_look = Instant::now() + DEADLINE - Duration::from_secs(1);
        self.registry.wait_until(what, || {
            let (is_so, seen) = look();
            let late = Instant::now() >= last_look;
            assert!(is_so || !late, "never came true: {what}: {seen}\n{}", self.registry.evidence());
            is_so
        });
    }

    fn counts_now(&self) -> Counts {
        let answer = http::ask(self.port(Place::Health), http::request("GET", "/health"));
        let counters = &answer.json()["connections"];
        let count = |name: &str| counters[name].as_u64().unwrap_or_else(|| panic!("no {name} in {answer:?}"));
        Counts {
            bad_requests: count("bad_requests"),
            timed_out: count("timed_out"),
            refused: count("refused"),
            lost_replies: count("lost_replies"),
            accept_pauses: count("accept_pauses"),
            open: count("open"),
        }
    }

    /// Lookups over both protocols, the list, and health on its own port.
    pub(super) fn assert_answers(&self, after: &str) {
        let looked_up = self.over_zmtp(Place::Registry, LOOKUP.as_bytes());
        assert_eq!(shown(&looked_up), shown(&self.looked_up), "a lookup over ZMQ after {after}");
        let answer = http::ask(self.port(Place::Registry), http::post(LOOKUP));
        assert_eq!(shown(&answer.body), shown(&self.looked_up), "a lookup over HTTP after {after}");
        let listed = self.over_zmtp(Place::Registry, http::LIST.as_bytes());
        assert_eq!(shown(&listed), shown(LISTED), "the list after {after}");
        self.assert_healthy(&self.over_zmtp(Place::Health, b"junk"), after);
        let health = http::ask(self.port(Place::Health), http::request("GET", "/health"));
        assert_eq!((health.status, &health.json()["status"]), (200, &Value::from("ok")), "after {after}");
    }

    pub(super) fn assert_healthy(&self, reply: &[u8], of: &str) {
        let object: Value = serde_json::from_slice(reply).unwrap_or_default();
        assert_eq!(object["status"], "ok", "{of}: {}\n{}", shown(reply), self.registry.evidence());
    }

    /// Threads may be fewer: the HTTP server starts with some to spare, and lets them go.
    fn is_at_rest(&self, now: &Holdings) -> bool {
        let Holdings { descriptors, threads, connections } = &self.at_rest;
        now.descriptors == *descriptors && now.connections == *connections && now.threads <= *threads
    }

    fn holdings(&self) -> Holdings {
        let folder = |name: &str| format!("/proc/{}/{name}", self.registry.pid());
        let descriptors = fs::read_dir(folder("fd")).expect("its descriptors").flatten();
        let targets: Vec<String> = descriptors
            .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
            .map(|target| target.to_string_lossy().into_owned())
            .collect();
        let table = fs::read_to_string(folder("net/tcp")).expect("the system's connections");
        let connections = connections_through(&table, &self.ports);
        Holdings {
            descriptors: targets.len(),
            threads: fs::read_dir(folder("task")).expect("its threads").count(),
            connections: targets.iter().filter(|target| connections.contains(*target)).count(),
        }
    }
}

/// What a person would have to act on, and bugs.
fn is_complaint(line: &str) -> bool {
    [" WARN ", " ERROR ", "panicked", "this is a bug"].iter().any(|words| line.contains(words))
}

/// The sockets in a table like /proc/net/tcp that are connections (not listeners) at these local ports, named as the
/// links of descriptors are.
fn connections_through(table: &str, ports: &[u16]) -> BTreeSet<String> {
    const LISTENS: &str = "0A";
    let row = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let port = fields[1].rsplit(':').next().and_then(|port| u16::from_str_radix(port, 16).ok())?;
        (ports.contains(&port) && fields[3] != LISTENS).then(|| format!("socket:[{}]", fields[9]))
    };
    table.lines().skip(1).filter_map(row).collect()
}

/// Numbers of fields of /proc/PID/stat, counted from 0 behind the program's name (proc(5)).
const BEGAN: usize = 19;

fn process_field(pid: u32, field: usize) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process is there");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in parentheses");
    let fields: Vec<&str> = fields.split(' ').collect();
    assert!(!["Z", "X"].contains(&fields[0]), "the process has ended: {stat}");
    fields[field].to_owned()
}

/// What a stream may be used as by two at the same time.
pub(super) fn write_to(mut stream: impl Write, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes)
}

pub(super) fn read_from(mut stream: impl Read, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap_or_else(|e| panic!("{e} before {count} bytes had come"));
    bytes
}
