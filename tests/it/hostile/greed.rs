//! Peers of ZMTP that would have more than their share: what others have said, a descriptor for good, or memory without
//! end. Each has a limit, whatever else libzmq lets pass.

use std::fs;
use std::io::{ErrorKind, Read};
use std::net::{Shutdown, TcpStream};

use super::entry::{Entry, dropped};
use super::target::{Added, PLACES, Place, Target, write_to};
use super::visit::{ENDINGS, Ending, Told, spread};
use super::wire::{COMMAND, LIST, MORE, frame, identity, long_frame, property, ready, request, socket_type};
use super::{greetings, send};
use crate::agent::shown;
use crate::handoff::zmtp::{Peer, VERSIONS, Version};
use crate::process::DEADLINE;
use crate::raw::Raw;

/// Everything up to the end of a reply, which is an object, or to the end of the connection.
fn hear(mut stream: &TcpStream) -> Vec<u8> {
    let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return heard,
            Ok(count) => heard.extend_from_slice(&buffer[..count]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::ConnectionReset => return heard,
            Err(e) => panic!("{e} after {}", shown(&heard)),
        }
        if heard.ends_with(b"}") {
            return heard;
        }
    }
}

#[test]
fn a_ping_that_is_cut_short_brings_back_nothing() {
    let target = Target::start();
    for round in 0..100 {
        for (place, cut) in
            PLACES.into_iter().flat_map(|place| [(place, &b"\x04PING"[..]), (place, b"\x04PING\0")])
        {
            let other = Raw::connect(target.port(place));
            Peer::meet(other.stream(), Version::V3_1).ask(b"what nobody else may read");
            drop(other);
            let connection = Raw::connect(target.port(place));
            Peer::meet(connection.stream(), Version::V3_1);
            let asked = [frame(COMMAND, cut), request(Version::V3_1, LIST)].concat();
            write_to(connection.stream(), &asked).expect("room for a few bytes");
            let heard = hear(connection.stream());
            // It may be dropped, ignored, or answered without a context; then comes the delimiter of the reply.
            let rest = heard.strip_prefix(b"\x04\x05\x04PONG").unwrap_or(&heard);
            let fine = rest.is_empty() || rest.starts_with(&[MORE, 0]);
            assert!(fine, "round {round}, {place:?}: to {} came {}", shown(cut), shown(&heard));
        }
    }
    target.wait_until_alone();
}

/// More requests than a peer's queue takes, a PING behind them in the same segment, and a reset: what was read before the
/// reset is looked at after it, and a PING would be answered.
#[test]
fn a_reset_behind_a_ping_while_the_queue_is_full_ends_nobody() {
    let target = Target::start();
    let requests = request(Version::V3_1, b"x").repeat(400);
    let asked = [requests, frame(COMMAND, b"\x04PING\0\x0a")].concat();
    for _ in 0..60 {
        for place in PLACES {
            let connection = Raw::connect(target.port(place));
            Peer::meet(connection.stream(), Version::V3_1);
            write_to(connection.stream(), &asked).expect("room for a few KiB");
            connection.reset();
        }
    }
    target.wait_until_alone();
}

/// Two peers of one identity: the second takes the first one's place, which speaks once more and goes.
fn lose(target: &Target, version: Version, place: Place, ending: Ending, name: &str) {
    let [first, second] = [(); 2].map(|()| Raw::connect(target.port(place)));
    let mut loser = Peer::meet_as(first.stream(), version, name.as_bytes());
    loser.ask(LIST);
    let mut winner = Peer::meet_as(second.stream(), version, name.as_bytes());
    winner.ask(LIST);
    // In vain, where the registry has let it go already.
    let _ = write_to(first.stream(), &request(version, LIST));
    winner.ask(LIST);
    match ending {
        Ending::Closed => drop(first),
        Ending::Reset => first.reset(),
        Ending::HalfClosed => {
            let _ = first.stream().shutdown(Shutdown::Write);
            first.stream().set_read_timeout(Some(DEADLINE)).expect("a deadline");
            hear(first.stream());
        }
    }
    winner.ask(LIST);
}

#[test]
fn who_loses_its_identity_to_another_keeps_nothing_here() {
    let mut target = Target::start();
    // In ZMTP 1.0 the length of a short identity is the first byte, and that is no peer's here.
    let versions = VERSIONS.into_iter().filter(|version| *version != Version::V1_0);
    let all: Vec<(Version, Place)> =
        versions.flat_map(|version| PLACES.map(|place| (version, place))).collect();
    for ending in ENDINGS {
        for round in 0..5 {
            spread(&target, &all, |&(version, place)| {
                let name = format!("{version:?}-{round}");
                let _told = Told(format!("{name}, {place:?}, {ending:?}"));
                lose(&target, version, place, ending, &name);
            });
        }
        target.assert_at_rest(&format!("lost identities, {ending:?}"), &Added::default());
    }
}

#[test]
fn a_message_without_an_end_is_ended() {
    let chunk = long_frame(MORE, 1 << 17, &[b'x'; 1 << 17]);
    let endless = |version: Version, frame: Vec<u8>, times: usize| -> Entry {
        let name = format!("{times} frames of {} bytes in {version:?}", frame.len());
        dropped(&name, frame.repeat(times)).after(version)
    };
    // A command between two frames neither ends a message nor begins one; SUBSCRIBE is part of one where more follows.
    let with_pong = |frame: &[u8]| [frame, &self::frame(COMMAND, b"\x04PONG")].concat();
    let rows = [
        endless(Version::V3_1, frame(MORE, b""), 1 << 20),
        endless(Version::V2_0, frame(MORE, b"x"), 1 << 20),
        endless(Version::V1_0, vec![1, MORE], 1 << 20),
        endless(Version::V3_1, with_pong(&frame(MORE, b"")), 1 << 18),
        endless(Version::V3_1, with_pong(&chunk), 64),
        endless(Version::V2_0, with_pong(&chunk), 64),
        endless(Version::V3_1, frame(COMMAND | MORE, b"\x09SUBSCRIBEagent."), 1 << 18),
        endless(Version::V3_0, chunk, 64),
    ];
    send("messages without an end", &rows);
}

#[test]
fn a_longer_identity_than_there_may_be_is_refused() {
    send("overlong identities", &greetings::overlong_identities());
}

/// How many peers tell much of themselves.
const TALKERS: usize = 32;
/// What may be kept of each, a hundred times what an honest one tells.
const KEPT: u64 = 64 * 1024;

/// READY of about 128 KiB, all of it in names that no other property has.
fn talkative() -> Vec<u8> {
    let names = (0..9000).map(|n| property(format!("x-{n:06}").as_bytes(), b"")).collect::<Vec<_>>().concat();
    ready(&[socket_type("REQ"), names])
}

#[test]
fn what_a_peer_tells_of_itself_is_not_kept() {
    let target = Target::start();
    let long_named = |n: usize| ready(&[socket_type("REQ"), identity(&vec![b'a' + (n % 26) as u8; 120_000])]);
    for place in PLACES {
        let before = resident(&target);
        let open: Vec<Raw> = (0..TALKERS)
            .map(|n| {
                let connection = Raw::connect(target.port(place));
                let told = if n % 2 == 0 { talkative() } else { long_named(n) };
                tell(&connection, &told);
                connection
            })
            .collect();
        let (grown, most) = (resident(&target).saturating_sub(before), KEPT * TALKERS as u64);
        assert!(grown <= most, "{TALKERS} peers cost {grown} bytes, of {most}, at the {place:?} port");
        drop(open);
        target.wait_until_alone();
    }
}

/// So many frames of a message that does not end, each of a size that libzmq would leave in the buffer it came in; with what
/// keeps them they are less than a message may be.
const FRAMES: usize = 2500;
const FRAME: [u8; 34] = [b'x'; 34];
/// What they may take of a peer, several times what they hold.
const TAKEN: u64 = 1024 * 1024;

#[test]
fn frames_that_come_one_by_one_take_what_they_hold() {
    let target = Target::start();
    for place in PLACES {
        let before = resident(&target);
        let open: Vec<Raw> = (0..TALKERS).map(|_| Raw::connect(target.port(place))).collect();
        let mut peers: Vec<_> =
            open.iter().map(|connection| Peer::meet(connection.stream(), Version::V3_1)).collect();
        let frame = frame(MORE, &FRAME);
        for _ in 0..FRAMES {
            // One of each in turn, so that most are read alone.
            open.iter()
                .for_each(|connection| write_to(connection.stream(), &frame).expect("room for a frame"));
        }
        // Behind them comes the PONG, so all have been read.
        assert!(peers.iter_mut().all(|peer| peer.ping(0, b"").command));
        let (grown, most) = (resident(&target).saturating_sub(before), TAKEN * TALKERS as u64);
        assert!(grown <= most, "{TALKERS} peers cost {grown} bytes, of {most}, at the {place:?} port");
        drop(peers);
        drop(open);
        target.wait_until_alone();
    }
}

/// Meets the registry with this greeting and READY, and asks once: it is answered, or closed.
fn tell(connection: &Raw, told: &[u8]) {
    let _ = write_to(connection.stream(), told);
    let met = super::visit::handshakes()[0].len();
    let mut heard = vec![0; met];
    let mut stream = connection.stream();
    if stream.read_exact(&mut heard).is_ok() {
        let _ = write_to(stream, &request(Version::V3_1, LIST));
        hear(stream);
    }
}

/// The daemon's resident memory, in bytes.
fn resident(target: &Target) -> u64 {
    let path = format!("/proc/{}/status", target.registry.pid());
    let status = fs::read_to_string(path).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
    kibibytes * 1024
}
