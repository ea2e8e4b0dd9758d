//! The target of the HTTP head: a head must be taken exactly where `field_lines` takes it, what goes on to tiny_http must
//! say the same and nothing more, and a verdict must not depend on how the bytes came in. Never looks at a body.

#[path = "../../src/door/request.rs"]
mod request;

use std::time::SystemTime;

use crate::classify::{Spoken, classify};
use crate::contract::Refused;
use crate::field_lines::Lines;
use crate::replies;
use crate::runs;
use request::{Head, Refusal, head};

/// The longest head, in bytes.
const MAX_HEAD: usize = 8192;
/// The most prefixes that one input is tried with: other inputs end elsewhere.
const PREFIXES: usize = 16;

/// Tries what a connection sent.
pub fn target(input: &[u8]) {
    let received = runs::expand(input);
    let verdict = head(&received);
    // Nothing else gets to the door.
    if classify(&received) != Spoken::Http {
        return;
    }
    let end = received.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|at| at + 4);
    let lines = end.and_then(|end| Lines::read(&received[..end])).filter(Lines::are_taken);
    match (&verdict, &lines) {
        (Ok(Some(head)), Some(lines)) => {
            assert_eq!(Some(head.length), end);
            check_head(head, lines);
            check_forwarded(&head.forwarded, lines);
        }
        (Ok(None), None) => assert!(end.is_none() && received.len() < MAX_HEAD, "waits for what is there"),
        (Err(refusal), None) => check_answer(refusal, &received),
        (verdict, lines) => panic!("{verdict:?}, where the lines are {lines:?}"),
    }
    check_prefixes(&received, &verdict);
}

fn check_head(head: &Head, lines: &Lines<'_>) {
    assert_eq!(Some(head.body), lines.body());
    assert_eq!(head.is_head, lines.method == "HEAD");
    let expects = lines.values("expect").iter().any(|value| value.eq_ignore_ascii_case(b"100-continue"));
    assert_eq!(head.expects_continue, expects && lines.minor == 1);
}

/// What tiny_http gets: the same method and path, and of the fields those that matter.
fn check_forwarded(forwarded: &[u8], lines: &Lines<'_>) {
    let shown = String::from_utf8_lossy(forwarded);
    assert!(forwarded.is_ascii(), "{shown}");
    let again = Lines::read(forwarded).unwrap_or_else(|| panic!("forwarded is no head: {shown}"));
    assert_eq!((again.method, again.minor), (lines.method, 1));
    let target = again.target;
    match lines.authority() {
        Some(authority) => {
            let rest = &lines.target["http://".len() + authority.len()..];
            assert_eq!(target, if rest.starts_with('/') { rest } else { "/" });
        }
        None => assert_eq!(target, lines.target),
    }
    assert_eq!(again.values("content-length").len(), lines.values("content-length").len(), "{shown}");
    assert_eq!(again.body(), lines.body(), "{shown}");
    let plain = |value: &&[u8]| {
        value.iter().all(|&byte| byte == b' ' || byte.is_ascii_alphanumeric() || byte == b'/')
    };
    let (was, is) = (lines.values("content-type"), again.values("content-type"));
    assert!(was.len() == is.len() && (was == is || !was.iter().all(plain)), "{shown}");
    for of_a_page in ["origin", "sec-fetch-site"] {
        let expected: &[&[u8]] = if lines.values(of_a_page).is_empty() { &[] } else { &[b"yes"] };
        assert_eq!(again.values(of_a_page), expected, "{shown}");
    }
    let known =
        ["content-length", "content-type", "origin", "sec-fetch-site"].map(|name| again.values(name).len());
    let fields = forwarded.split(|&byte| byte == b'\n').count() - 3;
    assert_eq!(fields, known.iter().sum::<usize>(), "{shown}");
}

/// A refusal is a whole HTTP answer with a reply in it, or to HEAD the same without that reply.
fn check_answer(refusal: &Refusal, received: &[u8]) {
    let answer = refusal.answer(b"", SystemTime::UNIX_EPOCH);
    let mut fields = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut fields);
    let Ok(httparse::Status::Complete(start)) = response.parse(&answer) else {
        panic!("no HTTP answer: {}", String::from_utf8_lossy(&answer));
    };
    let (status, body) = (response.code, &answer[start..]);
    assert_eq!(status, replies::status_of(refusal.code.text()));
    let value =
        |name: &str| response.headers.iter().find(|field| field.name == name).map(|field| field.value);
    assert_eq!(value("Content-Length"), Some(body.len().to_string().as_bytes()));
    assert_eq!(value("Connection"), Some(&b"close"[..]));
    replies::check_failure(body, &Refused::code(refusal.code.text()));
    let length = if received.starts_with(b"HEAD ") { start } else { answer.len() };
    assert!(refusal.answer(received, SystemTime::UNIX_EPOCH) == answer[..length], "another answer");
}

/// A head that comes in pieces is waited for, then taken as if it had come at once; a refusal is final.
fn check_prefixes(received: &[u8], verdict: &Result<Option<Head>, Refusal>) {
    let step = received.len().div_ceil(PREFIXES).max(1);
    // Counted from the end, which is where a head is nearly whole.
    for end in (0..received.len()).rev().step_by(step) {
        match head(&received[..end]) {
            Ok(None) => {}
            Ok(taken) => assert_eq!(&Ok(taken), verdict, "after {end} bytes"),
            Err(early) => assert!(verdict.is_err(), "after {end} bytes {early:?}, then {verdict:?}"),
        }
    }
}
