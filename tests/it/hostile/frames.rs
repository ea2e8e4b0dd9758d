//! What a ZMTP peer may say once it has been met: frames that lie about their length, commands of other sockets, endless
//! envelopes, and requests that are none.

use super::entry::{Due, Entry, Held, Reply, answered, dropped, hears, held};
use super::wire::{COMMAND, LIST, LONG, MORE, frame, long_frame, message, request, usual_greeting};
use crate::handoff::zmtp::Version::{self, V1_0, V2_0, V3_0, V3_1};

/// The longest frame that is taken.
const LIMIT: u64 = 128 * 1024;

/// Of the registry's answer to PING: all of it but the context.
const PONG: &[u8] = b"\x04\x05\x04PONG";

fn lengths() -> Vec<Entry> {
    let over = |name: &str, size: u64| dropped(name, long_frame(0, size, b"")).after(V3_1);
    let whole = |size: u64| vec![b'x'; usize::try_from(size).expect("a size")];
    let over_1_0 = [&[0xFF][..], &(LIMIT + 2).to_be_bytes(), &[0]].concat();
    vec![
        over("a frame of 128 KiB and a byte, never sent", LIMIT + 1),
        over("a frame of 2^31 bytes", 1 << 31),
        over("a frame of 2^32 bytes and 24", (1 << 32) + 24),
        over("a frame of 2^63 - 1 bytes", i64::MAX as u64),
        over("a frame of 2^63 bytes", 1 << 63),
        over("a frame of minus one byte", u64::MAX),
        over("a frame of minus 24 bytes", u64::MAX - 23),
        dropped("a frame of 128 KiB and a byte", long_frame(0, LIMIT + 1, &whole(LIMIT + 1))).after(V3_1),
        dropped("the same behind a delimiter", [frame(MORE, b""), long_frame(0, LIMIT + 1, b"x")].concat())
            .after(V2_0),
        dropped("the same in ZMTP 1.0", over_1_0).after(V1_0),
        dropped("ZMTP 1.0, a frame of length 0", vec![0]).after(V1_0),
        dropped("ZMTP 1.0, a frame of negative length", vec![0xFF; 9]).after(V1_0),
        dropped("a command of 128 KiB and a byte", long_frame(COMMAND, LIMIT + 1, b"\x04PING")).after(V3_1),
        // Its signature is a command of one byte then, and its version the beginning of a frame of 2^56 bytes.
        dropped("a second greeting", usual_greeting()).after(V3_1),
        // "GE" is a command of 69 bytes to a peer, and "TP" of the next line a long frame's length.
        dropped("HTTP", b"GET /health HTTP/1.1\r\nHost: registry\r\nX: ".repeat(4)).after(V3_0),
        dropped("a TLS hello", [&b"\x16\x03\x01\0\xA5\x01\0\0\xA1\x03\x03"[..], &[0xFF; 32]].concat())
            .after(V3_1),
    ]
}

/// Lengths that are odd and true.
fn forms() -> Vec<Entry> {
    let long = |body: &[u8]| long_frame(0, body.len() as u64, body);
    let envelope = |request: Vec<u8>| [frame(MORE, b""), request].concat();
    let long_delimiter = [long_frame(MORE, 0, b""), frame(0, LIST)].concat();
    let flagged = [frame(0xF8 | MORE, b""), frame(0xF8, LIST)].concat();
    vec![
        answered("a short request in the long form", V3_1, envelope(long(LIST)), [Reply::Listed]).after(V3_1),
        answered("a delimiter in the long form", V3_1, long_delimiter, [Reply::Listed]).after(V3_1),
        answered("every reserved flag", V3_1, flagged.clone(), [Reply::Listed]).after(V3_1),
        answered("every reserved flag in ZMTP 2.0", V2_0, flagged, [Reply::Listed]).after(V2_0),
        answered("an empty request in the long form", V3_1, envelope(long(b"")), REFUSED).after(V3_1),
    ]
}

const REFUSED: [Reply; 1] = [Reply::Refused("invalid_request")];

fn requests() -> Vec<Entry> {
    let bad = |name: &str, body: &[u8]| answered(name, V3_1, request(V3_1, body), REFUSED).after(V3_1);
    vec![
        bad("an empty request", b""),
        bad("a request of NULs", &[0; 100]),
        bad("a request of 128 KiB of 0xFF", &vec![0xFF; 128 * 1024]),
        bad("a request of 128 KiB of brackets", &vec![b'['; 128 * 1024]),
        bad("an HTTP request as a request", b"GET /health HTTP/1.1\r\nHost: registry\r\n\r\n"),
        bad("a READY command as a request", b"\x05READY\x0BSocket-Type\0\0\0\x03REQ"),
        bad("a subscription as a request", b"\x01agent."),
        bad("a delimiter as a request", b"\0"),
        answered("a hundred bad requests", V3_1, request(V3_1, b"{").repeat(100), REFUSED.repeat(100))
            .after(V3_1),
    ]
}

fn chains() -> Vec<Entry> {
    let chained = |frames: usize, body: &[u8]| vec![frame(MORE, body); frames].concat();
    let all: Vec<(&str, Version)> = vec![("1.0", V1_0), ("2.0", V2_0), ("3.0", V3_0), ("3.1", V3_1)];
    let empties = all.into_iter().map(|(name, version)| {
        let frames = [&[&b""[..]; 3_000][..], &[LIST]].concat();
        answered(&format!("3,000 empty frames in ZMTP {name}"), version, message(version, &frames), REFUSED)
            .after(version)
    });
    let envelope = chained(8, b"x");
    let wrapped = [&envelope, &request(V3_1, LIST)[..]].concat();
    let too_wrapped = [&chained(1_000, b"x"), &request(V3_1, LIST)[..]].concat();
    let returned = Held { version: V3_1, comes: envelope, replies: vec![Reply::Listed] };
    let others = [
        Entry::new("8 frames of an envelope", wrapped, Due::Held(returned)).after(V3_1),
        // More than what may be kept to be sent back: dropped, and the next request is answered.
        held("1,000 frames of an envelope", V3_1, too_wrapped).after(V3_1),
        answered("a request of two frames", V3_1, message(V3_1, &[b"", LIST, LIST]), REFUSED).after(V3_1),
        answered("a request of an empty second frame", V3_1, message(V3_1, &[b"", LIST, b""]), REFUSED)
            .after(V3_1),
        // Without a delimiter it is nobody's request: libzmq drops it, and the next one is answered.
        held("10,000 messages without a delimiter", V3_1, frame(0, b"x").repeat(10_000)).after(V3_1),
        held("10,000 empty messages", V2_0, frame(0, b"").repeat(10_000)).after(V2_0),
    ];
    empties.chain(others).collect()
}

/// Commands of ZMTP 3.1, and what peers of other sockets would send.
fn commands() -> Vec<Entry> {
    let command = |body: &[u8]| frame(COMMAND, body);
    let ignored = |name: &str, body: &[u8]| held(name, V3_1, command(body)).after(V3_1);
    let ping = |context: &[u8]| command(&[b"\x04PING\0\0", context].concat());
    // A PONG gives back 16 bytes of the context at most (RFC 37).
    let pong_of_16 = b"\x04\x15\x04PONGcccccccccccccccc";
    let subscribe = frame(COMMAND | MORE, b"\x09SUBSCRIBEagent.");
    let enveloped = [subscribe, request(V3_1, LIST)].concat();
    let asked = [frame(MORE, b""), command(b"\x06CANCELagent.")].concat();
    vec![
        hears("PING with a context of 100,000 bytes", V3_1, ping(&[b'c'; 100_000]), pong_of_16).after(V3_1),
        hears("PING with a context of 17 bytes", V3_1, ping(&[b'c'; 17]), pong_of_16).after(V3_1),
        hears("PING without a context", V3_1, ping(b""), PONG).after(V3_1),
        hears("PING in ZMTP 3.0", V3_0, ping(b""), PONG).after(V3_0),
        Entry::new("PING with a TTL of 0.1 s", command(b"\x04PING\0\x01"), Due::Expires(PONG.into()))
            .after(V3_1),
        ignored("PONG that nobody asked for", b"\x04PONGcontext"),
        ignored("an empty command", b""),
        ignored("a command whose name is longer than it", b"\xFFPING"),
        ignored("a command without a name", b"\0"),
        ignored("an unknown command", b"\x07UNKNOWN\0\xFF"),
        ignored("READY again", b"\x05READY\x0BSocket-Type\0\0\0\x03SUB"),
        ignored("ERROR", b"\x05ERROR\x03why"),
        ignored("SUBSCRIBE", b"\x09SUBSCRIBEagent."),
        ignored("CANCEL", b"\x06CANCELagent."),
        held("10,000 times SUBSCRIBE", V3_1, command(b"\x09SUBSCRIBEx").repeat(10_000)).after(V3_1),
        held("a subscription of ZMTP 3.0", V3_0, frame(0, b"\x01agent.")).after(V3_0),
        held("a command in ZMTP 2.0", V2_0, command(b"\x04PING\0\0")).after(V2_0),
        answered("CANCEL as a request", V3_1, asked, REFUSED).after(V3_1),
        // It is part of the envelope then, which comes back with the reply; libzmq gives the command its name again.
        Entry::new(
            "SUBSCRIBE as an envelope",
            enveloped,
            Due::Held(Held {
                version: V3_1,
                comes: frame(COMMAND | MORE, b"\x09SUBSCRIBE\x09SUBSCRIBEagent."),
                replies: vec![Reply::Listed],
            }),
        )
        .after(V3_1),
        held("a frame of the long flag and nothing", V3_1, vec![LONG, 0, 0, 0, 0, 0, 0, 0, 0]).after(V3_1),
    ]
}

pub(super) fn rows() -> Vec<Entry> {
    [lengths(), forms(), requests(), chains(), commands()].into_iter().flatten().collect()
}
