//! What a daemon takes and what it counts, seen from outside: /proc tells its memory, descriptors, threads and processor
//! time, the health object its connections. It only looks, and never judges.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::agent::{Agent, shown};
use crate::raw::Raw;
use crate::registry::Registry;

/// Long enough for what the daemon itself gives 10 s, on the slowest machine.
pub(crate) const SLOWEST: Duration = Duration::from_secs(60);

/// What it takes at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footprint {
    /// Resident memory, in KiB.
    pub(crate) resident: u64,
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
}

impl Footprint {
    pub(crate) fn of(registry: &Registry) -> Footprint {
        let pid = registry.pid();
        Footprint {
            resident: in_status(pid, "VmRSS:"),
            descriptors: entries(pid, "fd"),
            threads: entries(pid, "task"),
        }
    }

    /// No more of anything than `before`, save for so many KiB of memory.
    pub(crate) fn is_back_at(&self, before: &Footprint, memory: u64) -> bool {
        self.resident <= before.resident + memory
            && self.descriptors <= before.descriptors
            && self.threads <= before.threads
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Footprint { resident, descriptors, threads } = self;
        write!(f, "{:.1} MiB, {descriptors} descriptors, {threads} threads", mebibytes(*resident))
    }
}

pub(crate) fn mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}

/// The most memory that was resident since [`forget_peak`], in KiB.
pub(crate) fn peak(registry: &Registry) -> u64 {
    in_status(registry.pid(), "VmHWM:")
}

/// From now on the peak is that of the time to come (proc(5), clear_refs).
pub(crate) fn forget_peak(registry: &Registry) {
    let path = format!("/proc/{}/clear_refs", registry.pid());
    fs::write(&path, "5").unwrap_or_else(|e| panic!("{path}: {e}"));
}

/// Processor time of all its threads since its start, in clock ticks, which are 10 ms each on Linux.
pub(crate) fn ticks(registry: &Registry) -> u64 {
    let stat = read(&format!("/proc/{}/stat", registry.pid()));
    // The name before the last parenthesis may hold spaces; user and system time are the 12th and 13th after it.
    let after_name = stat.rsplit(')').next().unwrap();
    after_name.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

fn in_status(pid: u32, field: &str) -> u64 {
    let status = read(&format!("/proc/{pid}/status"));
    let value = status.lines().find_map(|line| line.strip_prefix(field));
    let number = value.and_then(|value| value.split_whitespace().next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no {field} in\n{status}"))
}

fn entries(pid: u32, folder: &str) -> usize {
    let path = format!("/proc/{pid}/{folder}");
    fs::read_dir(&path).unwrap_or_else(|e| panic!("{path}: {e}")).count()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The health object's `connections`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connections {
    pub(crate) open: u64,
    pub(crate) limit: u64,
    pub(crate) refused: u64,
    pub(crate) timed_out: u64,
    pub(crate) bad_requests: u64,
    pub(crate) lost_replies: u64,
    pub(crate) accept_pauses: u64,
}

impl Connections {
    /// As the health port tells over HTTP: who asks there is not one of the registry port's.
    pub(crate) fn of(registry: &Registry) -> Connections {
        let mut connection = Raw::connect(registry.health_port());
        connection.send("GET /health HTTP/1.1\r\nHost: registry\r\n\r\n");
        let answer = connection.read_answer();
        assert_eq!(answer.status, 200, "{answer:?}\n{}", registry.evidence());
        Connections::in_object(&answer.body)
    }

    /// As this agent is told, whichever port it is connected to.
    pub(crate) fn told_to(agent: &Agent) -> Connections {
        Connections::in_object(&agent.ask(r#"{"action":"health"}"#))
    }

    fn in_object(object: &[u8]) -> Connections {
        let health: Value =
            serde_json::from_slice(object).unwrap_or_else(|e| panic!("{e}: {}", shown(object)));
        let number = |name: &str| {
            let number = health["connections"][name].as_u64();
            number.unwrap_or_else(|| panic!("no number of connections called {name} in {health}"))
        };
        Connections {
            open: number("open"),
            limit: number("limit"),
            refused: number("refused"),
            timed_out: number("timed_out"),
            bad_requests: number("bad_requests"),
            lost_replies: number("lost_replies"),
            accept_pauses: number("accept_pauses"),
        }
    }
}

impl fmt::Display for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Connections { open, limit, refused, timed_out, bad_requests, lost_replies, accept_pauses } = self;
        write!(
            f,
            "{open} of {limit} connections open, {refused} refused, {timed_out} timed out, {bad_requests} bad requests, \
             {lost_replies} replies lost, {accept_pauses} pauses"
        )
    }
}

/// What it takes when nothing of it has changed for a while: the threads that tiny_http has left over from the start go
/// after 5 s, and a connection that asked for this may not be closed yet.
pub(crate) fn at_rest(registry: &Registry) -> Footprint {
    const UNCHANGED: Duration = Duration::from_secs(6);
    let (mut last, mut since) = (Footprint::of(registry), Instant::now());
    registry.wait_for(SLOWEST, || {
        let now = Footprint::of(registry);
        if (now.descriptors, now.threads) != (last.descriptors, last.threads) {
            since = Instant::now();
        }
        last = now;
        if since.elapsed() > UNCHANGED { Ok(()) } else { Err(format!("it rests: {last}")) }
    });
    last
}

/// Waits until it takes no more than `before`, save for so many KiB of memory, and has exactly so many connections at the
/// registry port.
pub(crate) fn wait_until_back_at(registry: &Registry, before: &Footprint, memory: u64, open: u64) {
    registry.wait_for(SLOWEST, || {
        let (now, connections) = (Footprint::of(registry), Connections::of(registry));
        let back = now.is_back_at(before, memory) && connections.open == open;
        back.then_some(())
            .ok_or_else(|| format!("before: {before}\nnow: {now}; {open} should be open, and {connections}"))
    });
}
