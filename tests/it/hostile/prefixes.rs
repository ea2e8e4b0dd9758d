//! Every prefix of what is valid, of HTTP and of every ZMTP: one that ends there is nobody's request, and one that goes on
//! in a packet of its own is answered as if it had come whole.

use std::net::{Shutdown, TcpStream};

use super::entry::Reply;
use super::target::{Added, LISTED, PLACES, Place, Target, write_to};
use super::visit::{ENDINGS, Ending, TOGETHER, Told, is_half_of_a_handshake, judge_reply, spread};
use super::wire::{COMMAND, LIST, frame, identity, identity_2_0, ready_body, request, socket_type};
use crate::agent::shown;
use crate::handoff::zmtp::{self, Peer, VERSIONS, Version};
use crate::http::{REGISTER, assert_refused, last_answer, post};
use crate::raw::Raw;

/// A client, and all that it says.
struct Talk {
    /// Of ZMTP; `None` is HTTP.
    version: Option<Version>,
    first: Vec<u8>,
    /// Once the registry has said its half of the handshake: libzmq refuses what ZMTP 3.x says sooner.
    second: Vec<u8>,
}

fn over_http(body: &str) -> Talk {
    Talk { version: None, first: post(body).into(), second: vec![] }
}

fn over_zmtp(version: Version, body: &[u8]) -> Talk {
    let request = request(version, body);
    let ready = frame(COMMAND, &ready_body(&[socket_type("REQ"), identity(b"")]));
    let (first, second) = match version {
        Version::V1_0 => ([vec![1, 0], request].concat(), vec![]),
        Version::V2_0 => ([identity_2_0(b""), request].concat(), vec![]),
        Version::V3_0 | Version::V3_1 => (zmtp::greeting(version), [ready, request].concat()),
    };
    Talk { version: Some(version), first, second }
}

/// HTTP, and each version of ZMTP, with this request.
fn talks(body: &str) -> Vec<Talk> {
    let others = VERSIONS.map(|version| over_zmtp(version, body.as_bytes()));
    [over_http(body)].into_iter().chain(others).collect()
}

impl Talk {
    fn length(&self) -> usize {
        self.first.len() + self.second.len()
    }

    fn named(&self, length: usize, place: Place) -> String {
        let of = self.version.map_or("HTTP".to_owned(), |version| format!("{version:?}"));
        let all = [&self.first[..], &self.second].concat();
        format!("{length} bytes of {of}, to the {place:?} port: {}", shown(&all[..length]))
    }

    /// Says so many bytes. The peer is there once it has heard the registry's half of the handshake.
    fn begin(&self, connection: &Raw, length: usize) -> Option<Peer<TcpStream>> {
        let (first, rest) = self.first.split_at(length.min(self.first.len()));
        say(connection, first);
        (rest.is_empty() && !self.second.is_empty()).then(|| {
            let peer = self.meet(connection);
            say(connection, &self.second[..length - first.len()]);
            peer
        })
    }

    fn meet(&self, connection: &Raw) -> Peer<TcpStream> {
        let stream = connection.stream().try_clone().expect("another hold of the stream");
        Peer::blurted(stream, self.version.expect("a version of ZMTP"))
    }
}

fn say(connection: &Raw, bytes: &[u8]) {
    write_to(connection.stream(), bytes).unwrap_or_else(|e| panic!("{e} while sending {}", shown(bytes)));
}

/// A prefix of a request that would change something, and nothing behind it.
fn end(target: &Target, talk: &Talk, length: usize, place: Place, ending: Ending) {
    let mut connection = Raw::connect(target.port(place));
    let peer = talk.begin(&connection, length);
    match ending {
        // What the registry may have said by then is unread, so that this can be a reset, too.
        Ending::Closed => {}
        Ending::Reset => {
            drop(peer);
            connection.reset();
        }
        Ending::HalfClosed => {
            connection.stream().shutdown(Shutdown::Write).expect("half an open connection");
            judge_end(talk, length, &mut connection);
        }
    }
}

fn judge_end(talk: &Talk, length: usize, connection: &mut Raw) {
    if talk.version.is_none() && length > 0 {
        let sent = &talk.first[..length];
        assert_refused(&last_answer(connection, sent), 400, "invalid_request", sent);
        return;
    }
    let (bytes, _end) = connection.read_to_end();
    let met = length >= talk.first.len() && !talk.second.is_empty();
    let fine = if met { bytes.is_empty() } else { is_half_of_a_handshake(&bytes) };
    assert!(fine && (length > 0 || bytes.is_empty()), "{} came before the end", shown(&bytes));
}

/// Of HTTP a part is refused, of ZMTP nothing is wrong with it yet.
fn added(all: &[(&Talk, usize, Place)], ending: Ending) -> Added {
    let refused = all.iter().filter(|(talk, length, _)| talk.version.is_none() && *length > 0).count() as u64;
    let least = if ending == Ending::Reset { 0 } else { refused };
    Added { bad_requests: (least, refused), timed_out: 0 }
}

#[test]
fn every_prefix_that_ends_is_nobody() {
    let mut target = Target::start();
    let talks = talks(REGISTER);
    for ending in ENDINGS {
        let all: Vec<(&Talk, usize, Place)> = talks
            .iter()
            .flat_map(|talk| (0..talk.length()).flat_map(move |n| PLACES.map(|place| (talk, n, place))))
            .collect();
        assert!(all.len() > 1000, "{} prefixes", all.len());
        spread(&target, &all, |&(talk, length, place)| {
            let _told = Told(format!("{}, {ending:?}", talk.named(length, place)));
            end(&target, talk, length, place, ending);
        });
        target.assert_at_rest(&format!("prefixes, {ending:?}"), &added(&all, ending));
    }
}

#[test]
fn every_prefix_that_goes_on_is_answered() {
    let mut target = Target::start();
    let talks = talks(std::str::from_utf8(LIST).expect("text"));
    let all: Vec<(&Talk, usize, Place)> = talks
        .iter()
        .flat_map(|talk| (0..=talk.length()).flat_map(move |n| PLACES.map(|place| (talk, n, place))))
        .collect();
    for some in all.chunks(TOGETHER) {
        let begun: Vec<(Raw, Option<Peer<TcpStream>>)> = some
            .iter()
            .map(|&(talk, length, place)| {
                let _told = Told(talk.named(length, place));
                let connection = Raw::connect(target.port(place));
                let peer = talk.begin(&connection, length);
                (connection, peer)
            })
            .collect();
        // Whoever is answered later has come later: the registry has seen each first part without the second.
        target.assert_answers("so many first parts");
        for (&(talk, length, place), (connection, peer)) in some.iter().zip(begun) {
            let _told = Told(talk.named(length, place));
            go_on(&target, talk, length, place, connection, peer);
        }
    }
    target.assert_at_rest("prefixes that went on", &Added::default());
}

fn go_on(
    target: &Target,
    talk: &Talk,
    length: usize,
    place: Place,
    mut connection: Raw,
    peer: Option<Peer<TcpStream>>,
) {
    let (of_first, of_second) = (length.min(talk.first.len()), length.saturating_sub(talk.first.len()));
    say(&connection, &talk.first[of_first..]);
    if talk.version.is_none() {
        judge_answer(&mut connection, &talk.first, place);
        return;
    }
    let mut peer = peer.unwrap_or_else(|| talk.meet(&connection));
    say(&connection, &talk.second[of_second..]);
    judge_reply(target, place, Reply::Listed, &peer.reply(), "the rest");
}

fn judge_answer(connection: &mut Raw, request: &[u8], place: Place) {
    let answer = last_answer(connection, request);
    match place {
        Place::Registry => {
            assert_eq!((answer.status, shown(&answer.body)), (200, shown(LISTED)), "{answer:?}");
        }
        // It has no such path.
        Place::Health => drop(assert_refused(&answer, 404, "not_found", request)),
    }
}
