//! What it costs a registry to read all records of Redis: the time, what it does to lookups meanwhile, and the memory
//! that the mirror takes then.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::agents::{AGENTS, Question, RECORD_BYTES};
use crate::children::{self, Server};
use crate::exec::EXEC_STAMP;
use crate::filled::Filled;
use crate::inspect;
use crate::load::Shape;
use crate::redis_server::RedisServer;
use crate::rounds::{Effort, Rounds};
use crate::sample::Sample;
use crate::table::{MIB, Row, Spread, grouped, mebibytes};

/// For the command line.
pub(crate) const BESIDE: &str = "reload";
pub(crate) const LOAD: &str = "load";

const MOST_TIMES_P99: f64 = 2.0;
const MOST_SECONDS: f64 = 1.0;
const MOST_MIB: f64 = 80.0;

/// How often all records are read by a new process, and as often by one that was cut off: an odd number, so that the
/// median is one of them.
const LOADS: usize = 5;
/// All of a reload fits into a measurement: it takes up to a second, and begins when it likes.
const SHORTEST: Duration = Duration::from_secs(1);
/// What it says when it has read them again.
const BACK: &str = " is back after ";
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Lookups while it reads all records again and again, and while it doesn't, in turn.
pub(crate) fn lookups_beside(effort: Effort) -> Row {
    eprintln!("lookups beside reloads …");
    let redis = RedisServer::filled("reload");
    let registry = Filled::behind(&redis, "reload", &[]);
    let server = &registry.server;
    let each = effort.each.max(SHORTEST);
    let order = registry.order(Shape::Kept { connections: 16, window: 1 }, Question::Lookup, each);
    let pids = [server.pid(), redis.pid()];
    let rounds = Rounds::run(effort.for_steady().rounds, 2, &pids, |contestant| match contestant {
        0 => beside_reloads(&redis, server, || children::load(&order, server)),
        _ => children::load(&order, server),
    });
    let (beside, without) = (rounds.p99_millis(0), rounds.p99_millis(1));
    let times = rounds.p99_times(0, 1);
    Row {
        work: format!(
            "p99 of lookups from a mirror, 16 connections lockstep, while {} records are read again and again, as the scheduler likes",
            grouped(AGENTS.into())
        ),
        registry: format!("{beside} ms, {}/s", rounds.per_second(0)),
        compared_with: format!("without {without} ms, {}/s", rounds.per_second(1)),
        ratio: Some(times),
        null: None,
        must_be: format!("≤ {MOST_TIMES_P99} × without"),
        is_met: times.median <= MOST_TIMES_P99,
    }
}

/// Cuts it off as soon as it has all records, for as long as `work` runs.
fn beside_reloads(redis: &RedisServer, server: &Server, work: impl FnOnce() -> Sample + Send) -> Sample {
    thread::scope(|scope| {
        let working = scope.spawn(work);
        while !working.is_finished() {
            reload(redis, server);
        }
        working.join().expect("the load beside")
    })
}

/// The time from a cut to the mirror that is whole again.
fn reload(redis: &RedisServer, server: &Server) -> Duration {
    let returns = || server.said().matches(BACK).count();
    let (before, began) = (returns(), Instant::now());
    let cut = redis.cut_off_followers().expect("CLIENT KILL");
    assert_eq!(cut, 1, "one registry follows");
    while returns() == before {
        assert!(began.elapsed() < PATIENCE, "it does not come back:\n{}", server.said());
        thread::sleep(LOOK_AGAIN);
    }
    began.elapsed()
}

/// How long it takes to read all records, at a start and again, and what memory they take.
pub(crate) fn load() -> Vec<Row> {
    eprintln!("loads of a mirror …");
    let redis = RedisServer::filled("load");
    let (mut starts, mut reloads, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..LOADS {
        let server = Server::behind(&redis, "load", &[]);
        starts.push(since_exec(&server).as_secs_f64());
        let resident = inspect::resident_bytes(server.pid()) as f64;
        reloads.push(reload(&redis, &server).as_secs_f64());
        memory.push([resident, inspect::resident_bytes(server.pid()) as f64]);
    }
    vec![time(Spread::of(starts), Spread::of(reloads)), resident(&memory)]
}

/// Since the program was started that has just said what it was waited for.
fn since_exec(server: &Server) -> Duration {
    let said = server.said();
    let stamp = said.lines().find_map(|line| line.strip_prefix(EXEC_STAMP)?.parse().ok());
    let started = Duration::from_nanos(stamp.expect("the time of the start"));
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(started)
}

fn time(start: Spread, reload: Spread) -> Row {
    still(
        format!("start to a mirror of {} records, {LOADS} starts", grouped(AGENTS.into())),
        format!("{start} s; cut off to whole again {reload} s"),
        format!("≤ {MOST_SECONDS} s"),
        start.median.max(reload.median) <= MOST_SECONDS,
    )
}

fn resident(memory: &[[f64; 2]]) -> Row {
    let [start, reload] = [0, 1].map(|index| Spread::of(memory.iter().map(|each| each[index])).median);
    still(
        format!("resident memory, a mirror of {} records of {RECORD_BYTES} bytes", grouped(AGENTS.into())),
        format!("{}; after a reload {}", mebibytes(start), mebibytes(reload)),
        format!("≤ {MOST_MIB} MiB"),
        start.max(reload) <= MOST_MIB * MIB,
    )
}

fn still(work: String, registry: String, must_be: String, is_met: bool) -> Row {
    Row { work, registry, compared_with: "–".to_owned(), ratio: None, null: None, must_be, is_met }
}
