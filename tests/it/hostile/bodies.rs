//! Requests over HTTP whose head is well-formed and whose body is too much, too little, or no text. The health port has
//! nothing that could be posted to: there whatever the head lets pass is 404. What JSON may be is in bad_requests/.

use super::entry::{Due, Entry, Refusal, refused, unfinished};
use crate::http::{LIST, REGISTER, post};

const BAD: Refusal = (400, "invalid_request");
const NOT_FOUND: Refusal = (404, "not_found");
const TOO_LARGE: Refusal = (413, "too_large");

/// The most bytes a request may have.
const LIMIT: usize = 128 * 1024;

fn posted(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST / HTTP/1.1\r\nHost: registry\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Refused on the registry port for what it is.
fn not_json(name: &str, body: impl AsRef<[u8]>) -> Entry {
    Entry::new(name, posted(body.as_ref()), Due::Refused(BAD, NOT_FOUND))
}

fn too_much() -> Vec<Entry> {
    let over = |length: usize| posted(&[REGISTER.as_bytes(), &vec![b' '; length - REGISTER.len()]].concat());
    vec![
        refused("128 KiB and a byte", over(LIMIT + 1), TOO_LARGE),
        refused("1 MiB", over(1 << 20), TOO_LARGE),
        // Beyond the 2 MiB that a refused client is heard out for, a reset may take the answer from it.
        Entry::new("4 MiB", over(1 << 22), Due::Cut(TOO_LARGE)),
        not_json("128 KiB of NULs", vec![0; LIMIT]),
        not_json("128 KiB of quotes", vec![b'"'; LIMIT]),
        not_json("128 KiB of 0xFF", vec![0xFF; LIMIT]),
    ]
}

fn too_little() -> Vec<Entry> {
    let whole = post(REGISTER);
    let head = &whole[..whole.len() - REGISTER.len()];
    vec![
        unfinished("a body without its last byte", &whole[..whole.len() - 1]),
        unfinished("a head without a body", head),
        unfinished("a head without its last byte", &head[..head.len() - 1]),
        unfinished("a method", "POST "),
        not_json("a body of no bytes", b""),
        Entry::new(
            "a longer body than it says",
            [&posted(&REGISTER.as_bytes()[..20]), &REGISTER.as_bytes()[20..]].concat(),
            Due::Refused(BAD, NOT_FOUND),
        ),
    ]
}

fn no_text() -> Vec<Entry> {
    let in_quotes = |bytes: &[u8]| [br#"{"action":"list_agents","x":""#, bytes, br#""}"#].concat();
    vec![
        not_json("an overlong quote in a string", in_quotes(b"\xC0\xA2")),
        not_json("a surrogate in UTF-8 in a string", in_quotes(b"\xED\xA0\x80")),
        not_json("a character beyond Unicode in a string", in_quotes(b"\xF4\x90\x80\x80")),
        not_json("half a character in a string", in_quotes(b"\xE2\x82")),
        not_json("JSON in UTF-16", LIST.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
        not_json("a NUL behind the object", format!("{LIST}\0")),
        not_json("a second request", format!("{LIST}\r\n{}", post(REGISTER))),
        not_json("a chunked body", format!("18\r\n{LIST}\r\n0\r\n\r\n")),
        not_json("a form", "action=list_agents"),
        not_json("a ZMTP frame", [&[1, 0, 0, 24][..], LIST.as_bytes()].concat()),
    ]
}

pub(super) fn rows() -> Vec<Entry> {
    [too_much(), too_little(), no_text()].into_iter().flatten().collect()
}
