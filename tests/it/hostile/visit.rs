//! Sends a row's bytes over a connection of its own, ends that in one of three ways, and judges what came back. Several
//! at a time; knows what is due, and nothing of what the bytes mean.

use std::net::{Shutdown, TcpStream};
use std::thread;

use super::entry::{Due, Entry, Held, Refusal, Reply};
use super::target::{Added, LISTED, PLACES, Place, Target, read_from, write_to};
use super::wire::{LIST, SIGNATURE, usual_greeting};
use crate::agent::shown;
use crate::answer::Answer;
use crate::conversation::refusal;
use crate::handoff::zmtp::Peer;
use crate::http::{assert_refused, last_answer};
use crate::raw::Raw;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// When everything due has come.
    Closed,
    /// Behind the last byte, without a look at what comes.
    Reset,
    /// In our direction, behind the last byte; then everything is read.
    HalfClosed,
}

pub(super) const ENDINGS: [Ending; 3] = [Ending::Closed, Ending::Reset, Ending::HalfClosed];

/// How many connections there are at a time.
const AT_ONCE: usize = 8;
/// How many have come, on both ports, before the registry is given time to see them all go: an address may hold 128
/// connections of the health port, those included that it has left.
pub(super) const TOGETHER: usize = 96;

/// Tells of what a failure was, whoever found it.
pub(super) struct Told(pub(super) String);

impl Drop for Told {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("that was {}", self.0);
        }
    }
}

/// Does this with each of them, several at a time.
pub(super) fn spread<T: Sync>(target: &Target, all: &[T], one: impl Fn(&T) + Sync) {
    for some in all.chunks(TOGETHER) {
        thread::scope(|scope| {
            for worker in 0..AT_ONCE {
                let one = &one;
                scope.spawn(move || some.iter().skip(worker).step_by(AT_ONCE).for_each(one));
            }
        });
        target.wait_until_alone();
    }
}

/// Every row on both ports, with this ending; gives what that must add to the counters.
pub(super) fn all(target: &Target, entries: &[Entry], ending: Ending) -> Added {
    let visits = visits(entries);
    spread(target, &visits, |&(entry, place)| {
        let of = format!("{}, to the {place:?} port, {ending:?}: {}", entry.name, shown(&entry.bytes));
        let _told = Told(of.clone());
        one(target, entry, place, ending, &of);
    });
    let bad_requests = visits.iter().map(|(entry, place)| entry.due.bad_requests(*place, ending)).sum();
    let expires = |entry: &Entry| matches!(entry.due, Due::Expires(_)) && ending == Ending::Closed;
    let timed_out = visits.iter().filter(|(entry, _)| expires(entry)).count() as u64;
    // Who resets may have taken back his bytes before anybody read them.
    let least = if ending == Ending::Reset { 0 } else { bad_requests };
    Added { bad_requests: (least, bad_requests), timed_out }
}

fn visits(entries: &[Entry]) -> Vec<(&Entry, Place)> {
    entries.iter().flat_map(|entry| PLACES.map(|place| (entry, place))).collect()
}

fn one(target: &Target, entry: &Entry, place: Place, ending: Ending, of: &str) {
    let mut connection = Raw::connect(target.port(place));
    let met = entry.after.map(|version| Peer::meet(connection.stream(), version));
    // It may be refused before its last byte, and what is due is judged anyhow.
    let _ = write_to(connection.stream(), &entry.bytes);
    match (ending, &entry.due) {
        (Ending::Reset, _) => connection.reset(),
        (Ending::Closed, Due::Held(held)) => {
            let peer = met.unwrap_or_else(|| Peer::blurted(connection.stream(), held.version));
            converse(target, peer, connection.stream(), held, place, of);
        }
        (Ending::Closed, _) => judge(entry, place, &mut connection, of),
        (Ending::HalfClosed, _) => {
            // In vain where the registry has closed all of it already.
            let _ = connection.stream().shutdown(Shutdown::Write);
            judge_half_closed(entry, place, &mut connection, of);
        }
    }
}

fn judge(entry: &Entry, place: Place, connection: &mut Raw, of: &str) {
    match &entry.due {
        Due::Refused(..) | Due::Served | Due::Listed => judge_answer(entry, place, connection, of),
        Due::Cut(refusal) => {
            let (bytes, _end) = connection.read_to_end();
            if !bytes.is_empty() {
                judge_refusal(&Answer::parse(&bytes), *refusal, &entry.bytes);
            }
        }
        Due::Closed | Due::Expires(_) | Due::Dropped => judge_end(entry, connection, of),
        // Their ends by themselves are for `outstay`; a peer that is held is conversed with.
        Due::Unfinished | Due::Unmet | Due::Held(_) => {}
    }
}

fn judge_half_closed(entry: &Entry, place: Place, connection: &mut Raw, of: &str) {
    match &entry.due {
        Due::Unfinished => {
            let answer = last_answer(connection, &entry.bytes);
            judge_refusal(&answer, (400, "invalid_request"), &entry.bytes);
        }
        Due::Unmet => judge_end(entry, connection, of),
        Due::Expires(comes) => {
            let (bytes, _end) = connection.read_to_end();
            assert!(comes.starts_with(&bytes), "{} after {of}", shown(&bytes));
        }
        // Whether its replies still leave is its own loss, but it must be let go.
        Due::Held(_) => drop(connection.read_to_end()),
        _ => judge(entry, place, connection, of),
    }
}

fn judge_answer(entry: &Entry, place: Place, connection: &mut Raw, of: &str) {
    let answer = last_answer(connection, &entry.bytes);
    match (&entry.due, place) {
        (Due::Refused(refusal, _), Place::Registry) | (Due::Refused(_, refusal), Place::Health) => {
            judge_refusal(&answer, *refusal, &entry.bytes);
        }
        (Due::Listed, Place::Health) => judge_refusal(&answer, (404, "not_found"), &entry.bytes),
        (Due::Listed, Place::Registry) => {
            assert_eq!((answer.status, shown(&answer.body)), (200, shown(LISTED)), "{of}: {answer:?}");
        }
        _ => {
            assert_eq!(answer.status, 200, "{of}: {answer:?}");
            assert_eq!(answer.header("Content-Type"), Some("application/json"), "{of}: {answer:?}");
            assert!(answer.json().is_object(), "{of}: {answer:?}");
        }
    }
}

fn judge_refusal(answer: &Answer, (status, code): Refusal, request: &[u8]) {
    assert_refused(answer, status, code, request);
}

fn judge_end(entry: &Entry, connection: &mut Raw, of: &str) {
    let (bytes, _end) = connection.read_to_end();
    judge_last_words(entry, &bytes, of);
}

/// What has come before the end that the registry made.
fn judge_last_words(entry: &Entry, bytes: &[u8], of: &str) {
    let fine = match &entry.due {
        Due::Expires(comes) => bytes == comes,
        Due::Dropped | Due::Unmet if entry.after.is_none() => is_half_of_a_handshake(bytes),
        _ => bytes.is_empty(),
    };
    assert!(fine, "{} came before the end, of {of}", shown(bytes));
}

/// The registry's own part of a handshake, or the beginning of it.
pub(super) fn is_half_of_a_handshake(bytes: &[u8]) -> bool {
    handshakes().iter().any(|handshake| handshake.starts_with(bytes))
}

/// What a REP socket says by itself to peers of ZMTP 3.x, of 2.0, of 1.0 with a version and without. (The minor version
/// is libzmq's.)
pub(super) fn handshakes() -> [Vec<u8>; 4] {
    let ready = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03REP";
    [
        [&usual_greeting(), &ready[..]].concat(),
        [&SIGNATURE[..], &[3, 4, 0, 0]].concat(),
        [&SIGNATURE[..], &[3, 4, 1, 0]].concat(),
        SIGNATURE.to_vec(),
    ]
}

fn converse(
    target: &Target,
    mut peer: Peer<&TcpStream>,
    stream: &TcpStream,
    held: &Held,
    place: Place,
    of: &str,
) {
    let comes = read_from(stream, held.comes.len());
    assert_eq!(shown(&comes), shown(&held.comes), "{of}");
    for due in &held.replies {
        judge_reply(target, place, *due, &peer.reply(), of);
    }
    judge_reply(target, place, Reply::Listed, &peer.ask(LIST), &format!("the request after {of}"));
}

pub(super) fn judge_reply(target: &Target, place: Place, due: Reply, reply: &[u8], of: &str) {
    match due {
        _ if place == Place::Health => target.assert_healthy(reply, of),
        Reply::Listed => assert_eq!(shown(reply), shown(LISTED), "{of}"),
        Reply::Refused(code) => drop(refusal(reply, code, of)),
    }
}

/// Opens a connection for each row on each port, and waits until the registry has closed them all.
pub(super) fn outstay(target: &Target, entries: &[Entry]) -> Added {
    let open: Vec<(Raw, &Entry, Place)> = visits(entries)
        .into_iter()
        .map(|(entry, place)| {
            let mut connection = Raw::connect(target.port(place));
            connection.send(&entry.bytes);
            (connection, entry, place)
        })
        .collect();
    for (mut connection, entry, place) in open {
        let of = format!("{}, to the {place:?} port, outstaying: {}", entry.name, shown(&entry.bytes));
        let _told = Told(of.clone());
        judge_end(entry, &mut connection, &of);
    }
    Added { timed_out: visits(entries).len() as u64, ..Added::default() }
}
