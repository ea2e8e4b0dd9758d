//! The figures without load: memory, context switches at rest, the time to the first answer, the executable.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::agents;
use crate::ask::ask;
use crate::children::{self, Process, Server};
use crate::exec;
use crate::inspect::{self, Switches};
use crate::redis_server::RedisServer;
use crate::table::{MIB, Row, Spread, grouped, mebibytes};

/// How long a process at rest is watched.
const REST: Duration = Duration::from_secs(10);
/// tiny_http lets the threads go that its start left over once they have been idle for 5 s.
const CALM: Duration = Duration::from_secs(6);
/// How often each server is started: an odd number, so that the median is one of them.
const STARTS: usize = 15;

/// The registry's memory and context switches without peers, beside a bare echo's.
pub(crate) fn at_rest() -> Vec<Row> {
    let servers = [Server::registry("registry", &[]), Server::echo("echo", 100)];
    settle(&servers);
    let before = switches(&servers);
    thread::sleep(REST);
    let after = switches(&servers);
    let memory = servers.each_ref().map(|server| inspect::resident_bytes(server.pid()) as f64);
    let count = [after[0].since(&before[0]), after[1].since(&before[1])];
    vec![
        still("resident memory at rest", memory.map(mebibytes), "≤ 6 MiB", memory[0] <= 6.0 * MIB),
        still(
            "context switches in 10 s without peers",
            count.map(|count| count.to_string()),
            "0",
            count[0] == 0,
        ),
    ]
}

/// What a registry with a mirror of every agent does where nobody asks and nothing changes.
pub(crate) fn at_rest_behind_redis() -> Row {
    let redis = RedisServer::filled("rest");
    let registry = Server::behind(&redis, "rest", &[]);
    thread::sleep(CALM);
    let before = Switches::of(registry.pid());
    thread::sleep(REST);
    let count = Switches::of(registry.pid()).since(&before);
    let most = REST.as_secs();
    still(
        "context switches in 10 s without peers, behind Redis",
        [count.to_string(), "–".to_owned()],
        &format!("≤ {most}"),
        count <= most,
    )
}

/// Returns once nothing has changed for `CALM`, or when there was time enough for that.
fn settle(servers: &[Server; 2]) {
    let deadline = Instant::now() + 5 * CALM;
    let (mut last, mut since) = (switches(servers), Instant::now());
    while since.elapsed() < CALM && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(100));
        let now = switches(servers);
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
}

fn switches(servers: &[Server; 2]) -> [Switches; 2] {
    servers.each_ref().map(|server| Switches::of(server.pid()))
}

/// The memory of a registry that knows every agent, and has answered nobody else.
pub(crate) fn memory_filled(registry: &Server) -> Row {
    let memory = inspect::resident_bytes(registry.pid()) as f64;
    let work = format!(
        "resident memory, {} records of {} bytes",
        grouped(agents::AGENTS.into()),
        agents::RECORD_BYTES
    );
    still(&work, [mebibytes(memory), "–".to_owned()], "≤ 45 MiB", memory <= 45.0 * MIB)
}

/// From the system call that starts the program to the first reply to a lookup.
pub(crate) fn start() -> Row {
    let median = |command: fn() -> Command| {
        let starts = (0..STARTS).map(|_| time_to_first_answer(&mut command()).as_secs_f64() * 1e3);
        Spread::of(starts.collect::<Vec<_>>())
    };
    let spreads = [median(|| children::registry_command(&[])), median(|| children::echo_command(100))];
    let work = format!("start to first answer, {STARTS} starts");
    still(&work, spreads.map(|spread| format!("{spread} ms")), "≤ 10 ms", spreads[0].median <= 10.0)
}

/// The same of a registry that has something to read first.
pub(crate) fn start_with(what: &str, command: &dyn Fn() -> Command, most: f64) -> Row {
    let starts = (0..STARTS).map(|_| time_to_first_answer(&mut command()).as_secs_f64() * 1e3);
    let spread = Spread::of(starts.collect::<Vec<_>>());
    let work = format!("start to first answer, {what}, {STARTS} starts");
    let figures = [format!("{spread} ms"), "–".to_owned()];
    still(&work, figures, &format!("≤ {most} ms"), spread.median <= most)
}

fn time_to_first_answer(command: &mut Command) -> Duration {
    let mut process = Process::spawn(command.stdout(Stdio::null()).stderr(Stdio::piped()));
    let stderr = process.0.stderr.take().expect("a piped stderr");
    let (mut started, mut said) = (None, String::new());
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if let Some(stamp) = line.strip_prefix(exec::EXEC_STAMP) {
            started = stamp.parse().ok().map(Duration::from_nanos);
        }
        if let (Some(started), Some(port)) = (started, children::port(&line)) {
            let answer = ask(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port), &agents::lookup(0));
            let answered = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            answer.unwrap_or_else(|error| panic!("no first answer: {error}\n{said}{line}"));
            return answered.saturating_sub(started);
        }
        said += &format!("{line}\n");
    }
    panic!("{command:?} ended before it was ready:\n{said}")
}

/// The size of the executable, which must hold no symbols.
pub(crate) fn executable() -> Row {
    let path = Path::new(children::REGISTRY);
    let size = fs::metadata(path).expect("the registry's executable").len() as f64;
    let has_symbols = inspect::has_symbols(path);
    let stripped = if has_symbols { "not stripped" } else { "stripped" };
    let registry = format!("{}, {stripped}", mebibytes(size));
    still("executable", [registry, "–".to_owned()], "≤ 3 MiB, stripped", size <= 3.0 * MIB && !has_symbols)
}

/// `figures` are the registry's and the echo's.
fn still(work: &str, figures: [String; 2], must_be: &str, is_met: bool) -> Row {
    let [registry, echo] = figures;
    Row {
        work: work.to_owned(),
        registry,
        compared_with: if echo == "–" { echo } else { format!("echo {echo}") },
        ratio: None,
        null: None,
        must_be: must_be.to_owned(),
        is_met,
    }
}
