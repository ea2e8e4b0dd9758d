//! Request heads: what HTTP/1.x lets pass and what it does not. Each row is bytes on the wire and the verdict.

use crate::registry::Registry;

use super::{LIST, NOBODY, REGISTER, ask, assert_refused, assert_unchanged, post, post_with, request};

/// Larger than any head may be, also where the empty line at its end is not counted.
const HEAD_LIMIT: usize = 8192;

type Row = (Vec<u8>, u16, &'static str);

fn bad(bytes: impl Into<Vec<u8>>) -> Row {
    (bytes.into(), 400, "invalid_request")
}

fn with_length(value: &str) -> String {
    let head = "POST / HTTP/1.1\r\nHost: registry\r\nContent-Type: application/json\r\n";
    format!("{head}Content-Length: {value}\r\n\r\n{REGISTER}")
}

fn with_header(line: &str) -> Vec<u8> {
    with_header_bytes(line.as_bytes())
}

fn with_header_bytes(line: &[u8]) -> Vec<u8> {
    [b"GET /health HTTP/1.1\r\nHost: registry\r\n", line, b"\r\n\r\n"].concat()
}

/// A request whose head, with its empty line, is as long as this.
fn head_of(length: usize) -> String {
    let filler = length - request("GET", "/health").len() - "X-Filler: \r\n".len();
    let line = format!("\r\nX-Filler: {}\r\n\r\n", "x".repeat(filler));
    request("GET", "/health").replacen("\r\n\r\n", &line, 1)
}

fn malformed() -> Vec<Row> {
    vec![
        bad("GET /health HTTP/1.1\r\n\r\n"),
        bad(
            "POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 24\r\n\r\n{\"action\":\"list_agents\"}",
        ),
        bad("GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        bad("GET /health HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"),
        bad("GET /health HTTP/1.1\nHost: registry\n\n"),
        bad("GET /health HTTP/1.1\r\nHost: registry\n\r\n"),
        bad("GET /health\r\n\r\n"),
        bad("GET /health HTTP/1.1 more\r\nHost: registry\r\n\r\n"),
        bad("GET\r\nHost: registry\r\n\r\n"),
        bad(&b"GET /h\xC3\xA9alth HTTP/1.1\r\nHost: registry\r\n\r\n"[..]),
        bad("GET /he\0alth HTTP/1.1\r\nHost: registry\r\n\r\n"),
        bad(with_header("X: folded\r\n line")),
        bad(with_header("X: folded\r\n\tline")),
        bad(with_header("X: a\0b")),
        bad(with_header("X: a\x01b")),
        bad(with_header("No colon")),
        bad(with_header("Space : before the colon")),
        bad(with_header(": no name")),
        bad(with_header_bytes(b"X-\xC3\xA9: non-ASCII name")),
        bad(with_length("-5")),
        bad(with_length("+69")),
        bad(with_length("0x45")),
        bad(with_length("69.0")),
        bad(with_length("6 9")),
        bad(with_length("")),
        bad(with_length("sixty-nine")),
        bad(with_length("69\r\nContent-Length: 69")),
        bad(with_length("69\r\ncontent-length: 70")),
        bad(with_length("69, 69")),
        bad(with_length("69\r\nTransfer-Encoding: chunked")),
    ]
}

fn refused_for_what_they_ask() -> Vec<Row> {
    let chunked = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let without_length = |headers: &str| format!("POST / HTTP/1.1\r\nHost: registry\r\n{headers}\r\n");
    vec![
        (format!("{}0\r\n\r\n", without_length(chunked)).into(), 411, "length_required"),
        (format!("{}45\r\n{REGISTER}\r\n0\r\n\r\n", without_length(chunked)).into(), 411, "length_required"),
        (without_length("Content-Type: application/json\r\n").into(), 411, "length_required"),
        (request("GET", "/health").replacen("HTTP/1.1", "HTTP/2.0", 1).into(), 505, "version_not_supported"),
        (request("GET", "/health").replacen("HTTP/1.1", "HTTP/3.0", 1).into(), 505, "version_not_supported"),
        (post(REGISTER).replacen("HTTP/1.1", "HTTP/2.0", 1).into(), 505, "version_not_supported"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), 505, "version_not_supported"),
        // Beyond what 64 bits hold, and what wraps around to the body's length in them.
        (with_length("99999999999999999999999999").into(), 413, "too_large"),
        (with_length("18446744073709551685").into(), 413, "too_large"),
        (head_of(HEAD_LIMIT + 5).into(), 431, "headers_too_large"),
        (head_of(20 * HEAD_LIMIT).into(), 431, "headers_too_large"),
        // A head that never ends.
        (head_of(2 * HEAD_LIMIT).trim_end().into(), 431, "headers_too_large"),
        (request("GET", &format!("/health?{}", "x".repeat(HEAD_LIMIT))).into(), 431, "headers_too_large"),
    ]
}

#[test]
fn a_malformed_head_is_a_bad_request() {
    let registry = Registry::start();
    for (bytes, status, code) in malformed() {
        for port in super::ports(&registry) {
            assert_refused(&ask(port, &bytes), status, code, &bytes);
        }
    }
    assert_unchanged(&registry);
}

#[test]
fn a_head_that_asks_too_much_is_refused_by_its_own_status() {
    let registry = Registry::start();
    for (bytes, status, code) in refused_for_what_they_ask() {
        assert_refused(&ask(registry.port(), &bytes), status, code, &bytes);
    }
    for (bytes, status, code) in refused_for_what_they_ask() {
        // The health port has nothing that a POST could be made to, whatever its body.
        if !bytes.starts_with(b"POST / HTTP/1.1") {
            assert_refused(&ask(registry.health_port(), &bytes), status, code, &bytes);
        }
    }
    assert_unchanged(&registry);
}

#[test]
fn what_is_unusual_and_allowed_works() {
    let registry = Registry::start();
    let many: Vec<String> = (0..60).map(|n| format!("X-{n}: {n}")).collect();
    let heads = [
        b"GET /health HTTP/1.0\r\n\r\n".to_vec(),
        b"GET /health HTTP/1.1\r\nhost:registry\r\n\r\n".to_vec(),
        b"GET /health HTTP/1.1\r\nHOST:  \tregistry:7100 \t\r\n\r\n".to_vec(),
        b"GET /health HTTP/1.1\r\nHost:\r\n\r\n".to_vec(),
        b"GET /health HTTP/1.1\r\nHost: [::1]:8100\r\n\r\n".to_vec(),
        b"GET http://registry.example:7100/health HTTP/1.1\r\nHost: registry\r\n\r\n".to_vec(),
        with_header("Connection: keep-alive"),
        with_header(
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
        ),
        with_header("Content-Length: 0"),
        with_header("X-Empty:"),
        with_header(&many.join("\r\n")),
        with_header_bytes(b"X-Note: caf\xC3\xA9 \xFF"),
        head_of(HEAD_LIMIT).into(),
    ];
    for bytes in &heads {
        for port in super::ports(&registry) {
            let answer = ask(port, bytes);
            assert_eq!(answer.status, 200, "{}: {answer:?}", crate::agent::shown(bytes));
        }
    }
    let zero = post_with("Content-Type: application/json\r\n", LIST).replacen(
        "HTTP/1.1\r\nHost: registry",
        "HTTP/1.0",
        1,
    );
    assert_eq!(ask(registry.port(), zero).body, NOBODY);
    let padded = post(LIST).replacen("Content-Length: ", "Content-Length: 000", 1);
    assert_eq!(ask(registry.port(), padded).body, NOBODY);
}

#[test]
fn odd_targets_and_methods_are_refused_and_break_nothing() {
    let registry = Registry::start();
    let long = format!("GET /{}", "x".repeat(8000));
    let odd = [
        "OPTIONS *",
        "CONNECT registry:7100",
        "TRACE /",
        "PATCH /",
        "GET /\"<>\\^`{|}",
        "GET /%",
        "GET /%00%zz",
        "GET ?",
        "GET nowhere",
        "GET //health",
        "GET /#/health",
        "GET http://",
        "GET HTTP://registry",
        "GET http://registry/health/../../etc/passwd",
        "GET ftp://registry/health",
        &long,
    ];
    for first_words in odd {
        for port in super::ports(&registry) {
            // More often than the registry could have handlers: one that breaks would be missed.
            for _ in 0..8 {
                let bytes = format!("{first_words} HTTP/1.1\r\nHost: registry\r\n\r\n");
                let answer = ask(port, &bytes);
                let refused = (400..500).contains(&answer.status) || answer.status == 501;
                assert!(refused, "{first_words}: {answer:?}");
                let code = answer.json()["code"].clone();
                assert!(code.is_string(), "{first_words}: {answer:?}");
            }
        }
    }
    assert_unchanged(&registry);
}

#[test]
fn a_path_begins_behind_the_authority_and_nowhere_else() {
    let registry = Registry::start();
    for (port, of_root, code) in
        [(registry.port(), 405, "method_not_allowed"), (registry.health_port(), 404, "not_found")]
    {
        for target in
            ["http://x?a=/health", "http://x?/health", "HTTP://x:7100?/livez", "http://x", "http://x/"]
        {
            let bytes = request("GET", target);
            assert_refused(&ask(port, &bytes), of_root, code, bytes.as_bytes());
        }
        for target in ["http://x/health", "http://x/health?a=/nowhere", "HTTP://x:7100/livez"] {
            assert_eq!(ask(port, request("GET", target)).status, 200, "{target}");
        }
    }
    // What follows the question mark there is a query, so this is the API.
    let bytes = post(LIST).replacen("POST / ", "POST http://x?a=/nowhere ", 1);
    assert_eq!(ask(registry.port(), bytes).body, NOBODY);
}
