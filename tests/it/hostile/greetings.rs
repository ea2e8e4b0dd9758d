//! ZMTP as far as the handshake: greetings that are cut, of every version, socket type and mechanism, READY commands that
//! lie, and identities of any length. libzmq looks at little of it, so much of this is a peer like another.

use super::entry::{Entry, Reply, answered, dropped, hears, held, unmet};
use super::wire::{
    COMMAND, LIST, MORE, SIGNATURE, claimed_property, frame, greeting, greeting_2_0, handshake, identity,
    identity_1_0, identity_2_0, long_frame, long_frame_1_0, property, ready, ready_body, request,
    socket_type, usual_greeting,
};
use crate::handoff::zmtp::Version::{self, V1_0, V2_0, V3_1};

/// The longest identity that RFC 23 allows, and the longest frame that is taken.
const IDENTITY_LIMIT: usize = 255;
const FRAME_LIMIT: usize = 128 * 1024;

fn halves() -> Vec<Entry> {
    let usual = usual_greeting();
    let cut = |name: &str, length: usize| unmet(name, &usual[..length]);
    vec![
        cut("a first byte", 1),
        cut("half a signature", 5),
        cut("a signature but for its last byte", 9),
        cut("a signature", 10),
        cut("a greeting up to its major version", 11),
        cut("a greeting up to its minor version", 12),
        cut("a greeting up to half its mechanism", 20),
        cut("a greeting but for its last byte", 63),
        cut("a greeting and no READY", 64),
        unmet("a greeting of ZMTP 2.0 but for the identity", greeting_2_0(3)),
        unmet("a greeting of ZMTP 2.0 and half the identity", [greeting_2_0(3), vec![0, 5, b'a']].concat()),
        unmet("a greeting of ZMTP 1.0 but for the flags", vec![1]),
        unmet("half an identity of ZMTP 1.0", long_frame_1_0(1000, 0, b"half")),
        unmet("0xFF and nine zeros, and no more", [&[0xFF][..], &[0; 8]].concat()),
    ]
}

fn signatures() -> Vec<Entry> {
    let with_last = |last: u8| [&SIGNATURE[..9], &[last], &usual_greeting()[10..]].concat();
    let padded = |padding: u8| [&[0xFF][..], &[padding; 8], &[0x7F], &usual_greeting()[10..]].concat();
    vec![
        // An even tenth byte makes a frame of ZMTP 1.0 of the signature. Of length 1, it is an empty identity, and what
        // is in the greeting behind it are two messages without a delimiter, once the second is whole.
        held("a signature that ends in 0x7E", V1_0, [with_last(0x7E), vec![0; 27]].concat()),
        dropped("a signature of length 0", [&[0xFF][..], &[0; 8], &[0x7E]].concat()),
        dropped("a signature of negative length", [&[0xFF; 9][..], &[0]].concat()),
        dropped("a signature of 2^63 bytes", long_frame_1_0(1 << 63, 0, b"")),
        // The padding of the signature says nothing: RFC 23 leaves it to older peers.
        held("a signature padded with 0xFF", V3_1, [padded(0xFF), ready(&[]).split_off(64)].concat()),
        held("a signature padded with 0x80", V3_1, [padded(0x80), ready(&[]).split_off(64)].concat()),
    ]
}

/// A peer of every version there could be. Whoever has a higher one than ours is spoken to in ours (RFC 23).
pub(super) fn versions() -> Vec<Entry> {
    let later = (2..=u8::MAX).map(|major| {
        let usual = [greeting([major, 0], b"NULL", 0), ready(&[]).split_off(64)].concat();
        held(&format!("ZMTP of version {major}"), V3_1, usual)
    });
    let minors = [2, 127, 255].map(|minor| {
        let usual = [greeting([3, minor], b"NULL", 0), ready(&[]).split_off(64)].concat();
        held(&format!("ZMTP of version 3.{minor}"), V3_1, usual)
    });
    let first = [&SIGNATURE[..], &[0, 3], &[1, 0]].concat();
    // What is left of the registry's greeting: its version, its socket type, its own identity.
    let of_zero = hears("ZMTP of version 0", V1_0, first, &[3, 4, 1, 0]);
    let second = held("ZMTP of version 1", V2_0, identity_2_0(b""));
    [of_zero, second].into_iter().chain(later).chain(minors).collect()
}

/// ZMTP 2.0 says its socket type in the greeting, and libzmq believes whatever it says there.
pub(super) fn socket_types() -> Vec<Entry> {
    let types = (0..=12).chain([127, 128, 255]);
    types
        .map(|number| {
            let bytes = [greeting_2_0(number), frame(0, b""), request(V2_0, LIST)].concat();
            answered(&format!("ZMTP 2.0 with socket type {number}"), V2_0, bytes, [Reply::Listed])
        })
        .collect()
}

fn mechanisms() -> Vec<Entry> {
    let with = |mechanism: &[u8]| greeting([3, 1], mechanism, 0);
    let ready_after = |greeting: Vec<u8>| [greeting, ready(&[]).split_off(64)].concat();
    let mut filled = usual_greeting();
    filled[33..].fill(0xFF);
    vec![
        dropped("mechanism PLAIN", with(b"PLAIN")),
        dropped("mechanism PLAIN of a server", greeting([3, 0], b"PLAIN", 1)),
        dropped("mechanism CURVE", with(b"CURVE")),
        dropped("mechanism GSSAPI", with(b"GSSAPI")),
        dropped("mechanism XYZZY", with(b"XYZZY")),
        dropped("mechanism null", with(b"null")),
        dropped("mechanism NULLNULL", with(b"NULLNULL")),
        dropped("mechanism NUL", with(b"NUL")),
        dropped("no mechanism", with(b"")),
        dropped("a mechanism of 0xFF", with(&[0xFF; 20])),
        dropped("a mechanism behind the padding", with(b"NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01")),
        held("the as-server bit", V3_1, ready_after(greeting([3, 1], b"NULL", 1))),
        held("an as-server byte of 255", V3_1, ready_after(greeting([3, 1], b"NULL", 255))),
        held("a filler of 0xFF", V3_1, ready_after(filled)),
    ]
}

fn not_ready() -> Vec<Entry> {
    let ready_with = |properties: &[Vec<u8>]| ready(properties);
    let req = || socket_type("REQ");
    let of_type =
        |name: &str| dropped(&format!("READY of socket type {name:?}"), ready(&[socket_type(name)]));
    let command = |name: &str, body: &[u8]| dropped(name, handshake(&frame(COMMAND, body)));
    let long = |name: &str, size: u64| dropped(name, handshake(&long_frame(COMMAND, size, b"")));
    vec![
        of_type("REP"),
        of_type("ROUTER"),
        of_type("SUB"),
        of_type("PAIR"),
        of_type("req"),
        of_type(""),
        of_type("REQ\0"),
        dropped("READY of two socket types", ready_with(&[req(), socket_type("PUB")])),
        dropped("READY and one byte more", ready_with(&[req(), vec![b'x']])),
        dropped("READY with a name cut short", ready_with(&[req(), b"\x04nam".to_vec()])),
        dropped("READY with a value cut short", ready_with(&[req(), claimed_property(b"X", 5, b"four")])),
        dropped("READY with a negative value", ready_with(&[req(), claimed_property(b"X", u32::MAX, b"x")])),
        dropped(
            "READY in small letters",
            handshake(&frame(COMMAND, &[b"\x05ready".to_vec(), req()].concat())),
        ),
        command("an empty command for READY", b""),
        command("READ for READY", b"\x04READ"),
        command("HELLO of PLAIN for READY", b"\x05HELLO\x04user\x04pass"),
        command("INITIATE of PLAIN for READY", b"\x08INITIATE"),
        // libzmq says READY behind it, and leaves the rest to the deadline.
        unmet("ERROR for READY", handshake(&frame(COMMAND, b"\x05ERROR\x03why"))),
        command("ERROR with a reason cut short for READY", b"\x05ERROR\xFFwhy"),
        command("ERROR without a reason for READY", b"\x05ERROR"),
        command("PING for READY", b"\x04PING\0\0"),
        command("SUBSCRIBE for READY", b"\x09SUBSCRIBEx"),
        dropped("a request for READY", handshake(&request(V3_1, LIST))),
        dropped("an HTTP request for READY", handshake(b"GET /health HTTP/1.1\r\nHost: registry\r\n\r\n")),
        dropped("a second greeting for READY", handshake(&usual_greeting())),
        long("READY of negative length", u64::MAX),
        long("READY of 2^63 bytes", 1 << 63),
        long("READY of 128 KiB and a byte", FRAME_LIMIT as u64 + 1),
        unmet("READY that is cut short", handshake(&[COMMAND, 200, 5, b'R'])),
        unmet(
            "READY of 128 KiB that is cut short",
            handshake(&long_frame(COMMAND, FRAME_LIMIT as u64, b"\x05R")),
        ),
    ]
}

/// Odd READY commands that libzmq takes.
fn ready_enough() -> Vec<Entry> {
    let odd = |name: &str, properties: &[Vec<u8>]| held(name, V3_1, ready(properties));
    let flagged = |flags: u8| handshake(&frame(flags, &ready_body(&[socket_type("REQ")])));
    vec![
        odd("READY of nothing", &[]),
        odd("READY of the same type twice", &[socket_type("REQ"), socket_type("REQ")]),
        odd("READY of a type in small letters' name", &[property(b"socket-type", b"REQ")]),
        odd("READY of a DEALER", &[socket_type("DEALER")]),
        odd("READY with a property of no name", &[socket_type("REQ"), property(b"", b"x")]),
        odd("READY with a property of no value", &[socket_type("REQ"), b"\x04name".to_vec()]),
        odd("READY with a binary property", &[property(&[0xFF; 255], &[0; 1000])]),
        held("READY as a message", V3_1, flagged(0)),
        held("READY as a message with more to come", V3_1, flagged(MORE)),
        held("READY with every reserved flag", V3_1, flagged(0xF8 | COMMAND)),
    ]
}

fn identities_3() -> Vec<Entry> {
    let named = |name: &str, value: &[u8]| {
        held(&format!("READY with {name}"), V3_1, ready(&[socket_type("REQ"), identity(value)]))
    };
    vec![
        named("an identity of one NUL", &[0]),
        named("an identity of 255 bytes", &[b'i'; IDENTITY_LIMIT]),
        named("an identity of 255 bytes from 0 on", &[0; IDENTITY_LIMIT]),
        named("an identity that is no text", b"\xFF\xFE\0\x80"),
        held("READY with two identities", V3_1, ready(&[identity(b"first"), identity(b"second")])),
    ]
}

fn identities_1_and_2() -> Vec<Entry> {
    let first = |length: usize| {
        held(&format!("ZMTP 1.0, identity of {length} bytes"), V1_0, identity_1_0(&vec![b'k'; length]))
    };
    let second = |length: usize| {
        held(&format!("ZMTP 2.0, identity of {length} bytes"), V2_0, identity_2_0(&vec![b'm'; length]))
    };
    // Each has a name of its own: another row's peer would take its place.
    let flagged = |flags: u8| [greeting_2_0(3), frame(flags, &[b'f', flags])].concat();
    let more_1_0 = [&[1, MORE][..], &request(V1_0, LIST)].concat();
    let more_2_0 = [flagged(MORE), request(V2_0, LIST)].concat();
    vec![
        first(4),
        first(IDENTITY_LIMIT - 1),
        first(IDENTITY_LIMIT),
        second(IDENTITY_LIMIT),
        dropped("ZMTP 1.0, identity of 128 KiB and a byte", identity_1_0(&vec![b'n'; FRAME_LIMIT + 1])),
        dropped("ZMTP 2.0, identity of 128 KiB and a byte", identity_2_0(&vec![b'n'; FRAME_LIMIT + 1])),
        dropped(
            "ZMTP 2.0, identity of negative length",
            [greeting_2_0(3), long_frame(0, u64::MAX, b"")].concat(),
        ),
        held("ZMTP 2.0, identity with every reserved flag", V2_0, flagged(0xF8)),
        answered("ZMTP 2.0, identity with more to come", V2_0, more_2_0, [Reply::Listed]),
        answered("ZMTP 1.0, identity with more to come", V1_0, more_1_0, [Reply::Listed]),
        dropped("ZMTP 2.0, identity as a command", [flagged(COMMAND), request(V2_0, LIST)].concat()),
        dropped("ZMTP 1.0, a frame without flags behind it", vec![1, 0, 0]),
        dropped("ZMTP 1.0, a message of negative length", [&[1, 0][..], &[0xFF; 9]].concat()),
    ]
}

/// Longer ones than RFC 23 allows.
pub(super) fn overlong_identities() -> Vec<Entry> {
    let lengths = [IDENTITY_LIMIT + 1, 10_000, FRAME_LIMIT - 1000];
    // A command is lost on the way, and the next frame would be taken for the identity, whatever its length.
    let lost = frame(COMMAND, b"");
    let rows = lengths.map(|length| {
        let long = vec![b'j'; length];
        [
            dropped(&format!("READY with an identity of {length} bytes"), ready(&[identity(&long)])),
            dropped(&format!("ZMTP 2.0, identity of {length} bytes"), identity_2_0(&long)),
            dropped(&format!("ZMTP 1.0, identity of {length} bytes"), identity_1_0(&long)),
            dropped(
                &format!("ZMTP 2.0, identity of {length} bytes behind a command"),
                [greeting_2_0(3), lost.clone(), frame(0, &long)].concat(),
            ),
        ]
    });
    rows.into_iter().flatten().collect()
}

/// The versions that a request in the same packet is answered to.
const EAGER: [Version; 2] = [V1_0, V2_0];

fn eager() -> Vec<Entry> {
    let greeting = |version| if version == V1_0 { vec![1, 0] } else { identity_2_0(b"") };
    EAGER
        .map(|version| {
            let hundred = request(version, LIST).repeat(100);
            let bytes = [greeting(version), hundred].concat();
            answered(&format!("{version:?} and a hundred requests"), version, bytes, [Reply::Listed; 100])
        })
        .into_iter()
        .collect()
}

pub(super) fn rows() -> Vec<Entry> {
    [
        halves(),
        signatures(),
        mechanisms(),
        not_ready(),
        ready_enough(),
        identities_3(),
        identities_1_and_2(),
        eager(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
