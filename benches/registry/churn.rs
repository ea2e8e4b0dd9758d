//! What lists cost those who look up: one client lists all agents, another registers a new one, in turn and without
//! pause, so that no list is as the last one was.

use std::io;
use std::net::Ipv4Addr;
use std::thread;
use std::time::Instant;

use crate::agents::{self, AGENTS, Question};
use crate::ask::{Client, buffer};
use crate::children::{self, Server};
use crate::dialect::unexpected;
use crate::filled::Filled;
use crate::inspect;
use crate::load::Shape;
use crate::rounds::{Effort, Rounds};
use crate::sample::{SUCCESS, Sample};
use crate::table::{Row, Spread};

/// For the command line.
pub(crate) const NAME: &str = "churn";

const MOST_P99_MILLIS: f64 = 25.0;
const MOST_LIST_MILLIS: f64 = 15.0;
/// How often a list by itself is measured: an odd number, so that the median is one of them.
const LISTS: usize = 101;

pub(crate) fn rows(registry: &Filled, effort: Effort) -> Vec<Row> {
    eprintln!("lookups beside lists and registrations …");
    let churn = Churn::start(&registry.server);
    let mut churn = churn.unwrap_or_else(|error| panic!("{error}\n{}", registry.server.said()));
    vec![lookups_beside(&mut churn, registry, effort), list_by_itself(&mut churn, &registry.server)]
}

/// Lookups with it and without it, in turn.
fn lookups_beside(churn: &mut Churn, registry: &Filled, effort: Effort) -> Row {
    let order = registry.order(Shape::Kept { connections: 16, window: 1 }, Question::Lookup, effort.each);
    let server = &registry.server;
    let mut lists = Vec::new();
    let rounds = Rounds::run(effort.for_steady().rounds, 2, &[server.pid()], |contestant| match contestant {
        0 => {
            let (sample, lists_per_second) = churn.beside(|| children::load(&order, server));
            lists.push(lists_per_second);
            sample
        }
        _ => children::load(&order, server),
    });
    let p99 = rounds.p99_millis(0);
    let (rate, lists) = (rounds.per_second(0), Spread::of(lists).median);
    Row {
        work: "p99 of lookups, 16 connections lockstep, while 100,000 names are listed and agents register, in turn"
            .to_owned(),
        registry: format!("{p99} ms, {rate}/s beside {lists:.0} lists/s"),
        compared_with: format!("without them {} ms, {}/s", rounds.p99_millis(1), rounds.per_second(1)),
        ratio: None,
        null: None,
        must_be: format!("≤ {MOST_P99_MILLIS} ms"),
        is_met: p99.median <= MOST_P99_MILLIS,
    }
}

/// The processor time that the main thread has for a new registration and the list after it: it answers both, and
/// lookups wait meanwhile.
fn list_by_itself(churn: &mut Churn, server: &Server) -> Row {
    let mut before = inspect::main_thread_time(server.pid());
    let times = (0..LISTS).map(|_| {
        churn.turn().unwrap_or_else(|error| panic!("{error}\n{}", server.said()));
        let now = inspect::main_thread_time(server.pid());
        let time = now - std::mem::replace(&mut before, now);
        time.as_secs_f64() * 1e3
    });
    let time = Spread::of(times);
    Row {
        work: format!(
            "a list of 100,000 names after a change, the main thread's processor time, {LISTS} lists"
        ),
        registry: format!("{time} ms"),
        compared_with: "–".to_owned(),
        ratio: None,
        null: None,
        must_be: format!("≤ {MOST_LIST_MILLIS} ms"),
        is_met: time.median <= MOST_LIST_MILLIS,
    }
}

/// Both clients.
struct Churn {
    lister: Client,
    registrar: Client,
    buffer: Vec<u8>,
    newcomers: u32,
    /// Of the last list.
    list_bytes: usize,
}

impl Churn {
    fn start(registry: &Server) -> io::Result<Self> {
        let connect = || Client::connect(Ipv4Addr::LOCALHOST, registry.address());
        let (mut lister, mut buffer) = (connect()?, buffer());
        let list_bytes = lister.ask(agents::LIST, &mut buffer)?.len();
        assert!(list_bytes > AGENTS as usize * "\"agent-000000\",".len(), "a list of {list_bytes} bytes");
        Ok(Self { lister, registrar: connect()?, buffer, newcomers: 0, list_bytes })
    }

    /// A new agent registers, then all are listed; the list must hold the new one.
    fn turn(&mut self) -> io::Result<()> {
        let (name, registration) = agents::newcomer(self.newcomers);
        self.newcomers += 1;
        let reply = self.registrar.ask(&registration, &mut self.buffer)?;
        if reply != agents::PLAIN_SUCCESS.as_bytes() {
            return Err(unexpected("not registered", &reply));
        }
        let list = self.lister.ask(agents::LIST, &mut self.buffer)?;
        let expected = self.list_bytes + name.len() + "\"\",".len();
        if list.len() != expected || !list.starts_with(SUCCESS) {
            return Err(unexpected(&format!("not a list of {expected} bytes"), &list));
        }
        self.list_bytes = expected;
        Ok(())
    }

    /// Goes on for as long as `work` runs, and says how many lists a second there were.
    fn beside(&mut self, work: impl FnOnce() -> Sample + Send) -> (Sample, f64) {
        let (began, mut lists) = (Instant::now(), 0);
        thread::scope(|scope| {
            let working = scope.spawn(work);
            while !working.is_finished() {
                self.turn().unwrap_or_else(|error| panic!("beside lookups: {error}"));
                lists += 1;
            }
            let sample = working.join().expect("the load beside");
            (sample, f64::from(lists) / began.elapsed().as_secs_f64())
        })
    }
}
