//! What is measured, and in which order: each server's starts, its size once it is filled, then lookups and
//! registrations in rounds that go from server to server. It never knows a protocol.

use std::fs;
use std::io;
use std::time::Duration;

use crate::agents::{self, Question, Requests};
use crate::comparison::{ECHOES, Figures, Row, Still};
use crate::connection::expect;
use crate::disturbance::Usage;
use crate::inspect::{self, ThreadTimes};
use crate::load::{self, Order, Sample};
use crate::registry::{Echo, LOOKUP_REPLY_BYTES};
use crate::request::Request;
use crate::server::Server;
use crate::system::{Answer, System};
use crate::table::Spread;

/// Under load, as everywhere in the table.
const CONNECTIONS: usize = 16;
/// To fill a server. Few: etcd 3.4 answers lookups more slowly ever after a burst of registrations.
const FILLING: usize = 4;
/// Before the first round: a Java machine compiles what it has seen often, and takes seconds for that.
const WARM_UP: Duration = Duration::from_secs(5);

/// How long to measure.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) starts: usize,
    pub(crate) each: Duration,
}

/// What one server did in one round.
struct Measured {
    sample: Sample,
    processor: Duration,
}

/// One round, under the same load.
struct Round {
    /// In the order of the servers.
    measured: Vec<Measured>,
    /// Processor ticks that other programs had meanwhile.
    others: u64,
}

/// Measures all of `systems`, and two bare echoes beside them, which have the last rows.
pub(crate) fn hold(systems: &[Box<dyn System>], effort: Effort) -> Vec<Row> {
    let echoes = [Echo::first(LOOKUP_REPLY_BYTES), Echo::second(LOOKUP_REPLY_BYTES)];
    let plain_echoes = echoes.map(|echo| echo.answering_with(agents::PLAIN_SUCCESS.len()));
    let systems: Vec<&dyn System> = systems.iter().map(AsRef::as_ref).collect();
    let starts = starts(&[&systems[..], &[&echoes[0]]].concat(), effort.starts);
    let servers: Vec<Server<'_>> = systems.iter().map(|system| filled(*system)).collect();
    let stills: Vec<Still> = servers.iter().map(still).collect();
    let lookups = measure(Question::Lookup, &servers, &echoes, effort);
    let registrations = measure(Question::Register, &servers, &plain_echoes, effort);

    let everyone = systems.iter().copied().chain(echoes.iter().map(|echo| echo as &dyn System));
    let figures = lookups.into_iter().zip(registrations);
    let rows = everyone.zip(figures).enumerate().map(|(index, (system, (lookups, registrations)))| Row {
        title: system.title(),
        asked_with: system.asked_with(),
        kept: system.kept(),
        lookups,
        registrations,
        still: stills.get(index).copied(),
        start: starts.get(index).copied(),
    });
    rows.collect()
}

/// Milliseconds from the `exec` of each to its first answer.
fn starts(systems: &[&dyn System], rounds: usize) -> Vec<Spread> {
    eprintln!("starts …");
    let mut times = vec![Vec::new(); systems.len()];
    for _ in 0..rounds {
        for (system, times) in systems.iter().zip(&mut times) {
            times.push(Server::start(*system).first_answer().as_secs_f64() * 1e3);
        }
    }
    times.into_iter().map(Spread::of).collect()
}

/// A server that knows every agent, and has shown that it keeps what it is told.
fn filled(system: &dyn System) -> Server<'_> {
    eprintln!("filling {} …", system.key());
    let server = Server::start(system);
    let sample = asked(&server, Question::Fill, FILLING, Duration::ZERO);
    assert_eq!(sample.replies, agents::AGENTS as usize, "{}: registrations answered", system.key());
    keeps_what_it_is_told(&server).unwrap_or_else(|error| failed(&server, &error));
    server
}

fn keeps_what_it_is_told(server: &Server<'_>) -> io::Result<()> {
    let mut connection = server.connect()?;
    let registration =
        Request::next(Question::Register, &mut Requests::new(Question::Register, agents::AGENTS, 1));
    let registration = registration.expect("one registration after another");
    connection.ask(&registration)?;
    connection.wait(|answer| expect(answer, &Answer::Stored))?;
    connection.ask(&registration.looked_up())?;
    let members = registration.members();
    connection.wait(|answer| match answer {
        Answer::Record(record) if record.windows(members.len()).any(|part| part == members) => Ok(()),
        other => Err(io::Error::other(format!("{other:?} after {:?}", registration.body))),
    })?;
    connection.ask(&Request::unknown())?;
    connection.wait(|answer| expect(answer, &Answer::Absent))?;
    connection.close()
}

fn still(server: &Server<'_>) -> Still {
    let program = fs::metadata(server.system().program()).map_or(0, |metadata| metadata.len());
    let resident = server.pids().into_iter().map(inspect::resident_bytes).sum();
    Still { resident, program, with_libraries: server.program_bytes() }
}

/// The figures of all servers, then those of the two echoes.
fn measure(
    question: Question,
    servers: &[Server<'_>],
    echoes: &[Echo; ECHOES],
    effort: Effort,
) -> Vec<Figures> {
    let echoes = echoes.each_ref().map(|echo| Server::start(echo));
    let everyone: Vec<&Server<'_>> = servers.iter().chain(&echoes).collect();
    eprintln!("{} …", question.name());
    for server in &everyone {
        asked(server, question, CONNECTIONS, WARM_UP);
    }
    let rounds = (0..effort.rounds).map(|number| round(number, question, &everyone, effort.each));
    let rounds = calmest(rounds.collect());
    (0..everyone.len()).map(|index| figures(&rounds, index)).collect()
}

/// Every other round runs backwards, so that a machine that slowly changes favours nobody; the echoes come right
/// after the first server.
fn round(number: usize, question: Question, everyone: &[&Server<'_>], each: Duration) -> Round {
    let echoes = everyone.len() - ECHOES;
    let mut order: Vec<usize> = [0, echoes, echoes + 1].into_iter().chain(1..echoes).collect();
    if !number.is_multiple_of(2) {
        order.reverse();
    }
    let pids: Vec<u32> = everyone.iter().flat_map(|server| server.pids()).collect();
    let before = Usage::now(&pids);
    let mut measured: Vec<(usize, Measured)> =
        order.into_iter().map(|index| (index, one(everyone[index], question, each))).collect();
    measured.sort_by_key(|(index, _)| *index);
    let measured = measured.into_iter().map(|(_, measured)| measured).collect();
    Round { measured, others: before.others(&Usage::now(&pids)) }
}

fn one(server: &Server<'_>, question: Question, each: Duration) -> Measured {
    let before: Vec<_> = server.pids().into_iter().map(|pid| (pid, ThreadTimes::of(pid))).collect();
    let sample = asked(server, question, CONNECTIONS, each);
    let since = before.iter().map(|(pid, before)| ThreadTimes::of(*pid).since(before));
    Measured { sample, processor: since.sum() }
}

fn asked(server: &Server<'_>, question: Question, connections: usize, duration: Duration) -> Sample {
    let sample = load::run(server, &Order { question, connections, duration });
    sample.unwrap_or_else(|error| failed(server, &error))
}

fn failed<T>(server: &Server<'_>, error: &io::Error) -> T {
    panic!("{} at {}: {error}; it said:\n{}", server.system().key(), server.address(), server.said())
}

/// The half of the rounds in which other programs did least. What was measured has no say in it, but that on a
/// very busy machine a process may not have run at all.
fn calmest(mut rounds: Vec<Round>) -> Vec<Round> {
    rounds.retain(|round| round.measured.iter().all(|measured| measured.sample.requests > 0));
    assert!(!rounds.is_empty(), "in every round a server or its load got no processor time");
    rounds.sort_by_key(|round| round.others);
    rounds.truncate(rounds.len().div_ceil(2));
    rounds
}

/// Medians of the rounds.
fn figures(rounds: &[Round], index: usize) -> Figures {
    let median = |figure: &dyn Fn(&Measured) -> f64| {
        Spread::of(rounds.iter().map(|round| figure(&round.measured[index]))).median
    };
    Figures {
        per_second: median(&|measured| measured.sample.per_second()),
        p99_ms: median(&|measured| measured.sample.p99.as_secs_f64() * 1e3),
        processor_micros: median(&|measured| {
            measured.processor.as_secs_f64() * 1e6 / measured.sample.replies as f64
        }),
    }
}
