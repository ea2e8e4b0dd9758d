//! Two figures, told and not judged: how long nobody is there over a restart, and how long a start takes with many records.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::agents::{Agents, PATIENCE, PORT, lookup};
use crate::checks::{Checks, Outcome, is};
use crate::client::{Client, Lost, Speech};
use crate::machine::{Machine, Network};
use crate::{Ground, SOCKETS, STATE_FILE, UNIT, UNIT_DEADLINE};

const SOME: usize = 10_000;
const MANY: usize = 100_000;

/// Of each figure the median of so many is told.
const TIMES: usize = 5;

/// Who isn't back by then, isn't coming.
const GIVEN_UP: Duration = Duration::from_secs(30);

/// Between two attempts of the client that measures.
const RETRY: Duration = Duration::from_millis(1);

pub(crate) fn run(ground: &Ground, checks: &mut Checks) {
    let machine = ground.boot();
    checks.of(&machine, UNIT, &format!("restarted with {SOME} records"), || {
        ground.install(&machine)?;
        with_records(&machine, SOME)?;
        gaps(&machine, "on its own")?;
        machine.ok(&format!("systemctl stop {UNIT} && systemctl start {} {UNIT}", SOCKETS.join(" ")))?;
        gaps(&machine, "with the socket units")?;
        machine
            .ok(&format!("systemctl stop {} {UNIT} && systemctl start {UNIT}", SOCKETS.join(" ")))
            .map(drop)
    });
    checks.of(&machine, UNIT, &format!("started with {MANY} records"), || {
        with_records(&machine, MANY)?;
        let mut starts = Vec::new();
        for _ in 0..TIMES {
            machine.ok(&format!("systemctl restart {UNIT}"))?;
            starts.push(start_to_ready(&machine)?);
        }
        println!("    start to READY=1: {:.0?} (wanted: 0.5 s at most)", median(starts));
        Ok(())
    });
}

/// Starts it with a state file of so many agents.
fn with_records(machine: &Machine, count: usize) -> Outcome {
    let mut lines = "{\"format\":\"service-registry state\",\"version\":1}\n".to_owned();
    for number in 0..count {
        let name = agent(number);
        let record = r#""host":"host.example","port":5000,"health_check_port":6000,"agent_type":"service""#;
        let rest =
            r#""capabilities":["translation"],"metadata":{},"last_registered":"2025-07-03T12:34:56.789Z""#;
        writeln!(lines, r#"{{"agent_id":"{name}",{record},{rest}}}"#).map_err(|e| e.to_string())?;
    }
    machine.ok(&format!("systemctl stop {UNIT}"))?;
    machine.write(STATE_FILE, &lines);
    machine.ok(&format!("systemctl start {UNIT}"))?;
    let health = Agents::of(machine).health()?;
    is(health["agents"] == count, || format!("not {count} agents: {health}"))
}

fn agent(number: usize) -> String {
    format!("agent-{number:06}")
}

fn start_to_ready(machine: &Machine) -> Result<Duration, String> {
    let moment = |name: &str| {
        let text = machine.property(UNIT, name);
        text.parse().map(Duration::from_micros).map_err(|e| format!("{name} is {text:?}: {e}"))
    };
    Ok(moment("ActiveEnterTimestampMonotonic")?.saturating_sub(moment("InactiveExitTimestampMonotonic")?))
}

fn gaps(machine: &Machine, how: &str) -> Outcome {
    let (mut unconnected, mut unanswered) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let gap = gap(machine)?;
        unconnected.push(gap.unconnected);
        unanswered.push(gap.unanswered);
        machine.wait_for_state(UNIT, "active", UNIT_DEADLINE)?;
    }
    let (unconnected, unanswered) = (median(unconnected), median(unanswered));
    println!(
        "    restart {how}: no connection for {unconnected:.0?}, no answer for {unanswered:.0?} (wanted: 150 ms at most)"
    );
    Ok(())
}

/// The longest time without a connection, and without an answer.
struct Gap {
    unconnected: Duration,
    unanswered: Duration,
}

fn gap(machine: &Machine) -> Result<Gap, String> {
    let over = AtomicBool::new(false);
    let network = machine.network();
    thread::scope(|scope| {
        let client = scope.spawn(|| measure(&network, &over));
        let done = machine.ok(&format!("systemctl restart {UNIT}"));
        over.store(true, Ordering::Relaxed);
        let gap = client.join().unwrap();
        done.map(|_| gap)
    })
}

/// Connects and asks again and again until it is over and an answer has come.
fn measure(network: &Network, over: &AtomicBool) -> Gap {
    network.enter();
    let client = Client { port: PORT, limit: PATIENCE };
    let request = lookup(&agent(0));
    let start = Instant::now();
    let (mut connected, mut refused, mut answered) = (start, false, start);
    let mut gap = Gap { unconnected: Duration::ZERO, unanswered: Duration::ZERO };
    loop {
        let asked = Instant::now();
        let reply = client.ask(Speech::Http, &request);
        if let Err(Lost::Unsent(_)) = reply {
            refused = true;
        } else {
            // Who waits for an answer connects no more often: that is no gap.
            let since = if refused { asked - connected } else { Duration::ZERO };
            gap.unconnected = gap.unconnected.max(since);
            (connected, refused) = (asked, false);
        }
        let is_answered = reply.is_ok();
        if is_answered {
            gap.unanswered = gap.unanswered.max(answered.elapsed());
            answered = Instant::now();
        }
        if over.load(Ordering::Relaxed) && (is_answered || start.elapsed() > GIVEN_UP) {
            return gap;
        }
        thread::sleep(RETRY);
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
