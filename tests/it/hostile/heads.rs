//! HTTP heads that parsers disagree on, or that are meant to break one: line ends, NULs, folding, sizes, versions,
//! lengths and codings that hide a second request, absolute forms, and text that is none. Plain malformed heads are in
//! http/heads.rs; none of those is here again.

use super::entry::{Due, Entry, bad, refused, served};
use crate::http::{LIST, REGISTER, post, post_with, request};

const LENGTH_REQUIRED: (u16, &str) = (411, "length_required");
const TOO_LARGE: (u16, &str) = (413, "too_large");
const HEADERS_TOO_LARGE: (u16, &str) = (431, "headers_too_large");
const NOT_IMPLEMENTED: (u16, &str) = (501, "not_implemented");
const VERSION_NOT_SUPPORTED: (u16, &str) = (505, "version_not_supported");
const NOT_FOUND: (u16, &str) = (404, "not_found");

/// GET /health with this line behind Host.
fn get(line: impl AsRef<[u8]>) -> Vec<u8> {
    [b"GET /health HTTP/1.1\r\nHost: registry\r\n", line.as_ref(), b"\r\n\r\n"].concat()
}

/// GET for this target.
fn target(target: impl AsRef<[u8]>) -> Vec<u8> {
    [b"GET ", target.as_ref(), b" HTTP/1.1\r\nHost: registry\r\n\r\n"].concat()
}

/// A registration with these header lines and no others.
fn posted(lines: impl AsRef<[u8]>) -> Vec<u8> {
    let json = b"POST / HTTP/1.1\r\nHost: registry\r\nContent-Type: application/json\r\n";
    [json, lines.as_ref(), b"\r\n\r\n", REGISTER.as_bytes()].concat()
}

fn line_ends() -> Vec<Entry> {
    vec![
        bad("NUL in the method", b"GE\0T /health HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        bad("NUL in the version", b"GET /health HTTP/1.\x001\r\nHost: x\r\n\r\n".to_vec()),
        bad("NUL in a field's name", get(b"X\0: y")),
        bad("NUL in front of the last line end", get(b"X: y\0")),
        bad("NUL, and no end of the head", b"GET /health HTTP/1.1\r\nX: \0".to_vec()),
        bad("bare CR in a value", get("X: a\rTransfer-Encoding: chunked")),
        bad("bare CR for every line end", "GET /health HTTP/1.1\rHost: registry\r\r"),
        bad("bare LF in a value", get("X: a\nContent-Length: 69")),
        bad("bare LF, and no end of the head", "GET /health HTTP/1.1\n"),
        bad("LF CR", "GET /health HTTP/1.1\n\rHost: registry\n\r\n\r"),
        bad("CR CR LF", "GET /health HTTP/1.1\r\r\nHost: registry\r\r\n\r\r\n"),
        bad("a folded length", posted("Content-Length: 6\r\n 9")),
        bad("a folded coding", posted("Content-Length: 69\r\nTransfer-Encoding:\r\n chunked")),
        bad("a fold before the first field", "GET /health HTTP/1.1\r\n Host: registry\r\n\r\n"),
        bad("a fold of nothing but space", get("X: y\r\n  ")),
        bad("vertical tab before a value", get(b"X:\x0By")),
        bad("form feed in the request line", target(b"/health\x0C")),
        bad("tabs in the request line", "GET\t/health\tHTTP/1.1\r\nHost: registry\r\n\r\n"),
        bad("DEL in a value", get(b"X: \x7F")),
        bad("backspace in a field's name", get(b"X\x08: y")),
        bad("a field's name in quotes", get("\"Host\": registry")),
        bad("tab before the colon", posted("Content-Length\t: 69")),
        bad("a second request line", get("GET / HTTP/1.1")),
    ]
}

fn sizes() -> Vec<Entry> {
    let fields = |count: usize| get((0..count).map(|n| format!("X-{n}: y")).collect::<Vec<_>>().join("\r\n"));
    vec![
        refused("a head of 1 MiB", get(format!("X: {}", "y".repeat(1 << 20))), HEADERS_TOO_LARGE),
        refused(
            "8 KiB, and no end of the head",
            format!("GET /health HTTP/1.1\r\nX: {}", "y".repeat(8192)),
            HEADERS_TOO_LARGE,
        ),
        refused("8 KiB of path", target(format!("/{}", "x".repeat(8192))), HEADERS_TOO_LARGE),
        refused("1,000 fields", fields(1000), HEADERS_TOO_LARGE),
        refused("64 fields beside Host", fields(64), HEADERS_TOO_LARGE),
        refused(
            "8 KiB of line ends",
            format!("GET /health HTTP/1.1{}", "\r\nX:".repeat(2048)),
            HEADERS_TOO_LARGE,
        ),
        served("63 fields beside Host", fields(63)),
    ]
}

fn lengths() -> Vec<Entry> {
    let length = |value: &str| posted(format!("Content-Length: {value}"));
    vec![
        bad("the least 64-bit length", length("-9223372036854775808")),
        bad("a length of minus nothing", length("-0")),
        bad("a length with an exponent", length("6e1")),
        bad("a length in Arabic digits", length("٦٩")),
        bad("a length in fullwidth digits", length("６９")),
        bad("a length in quotes", length("\"69\"")),
        bad("a length with a comma", length("69,")),
        bad("a length with a separator", length("1_000")),
        bad("a length and a comment", length("69;x=y")),
        refused("2^63", length("9223372036854775808"), TOO_LARGE),
        refused("2^64 and the length", length("18446744073709551685"), TOO_LARGE),
        refused("400 digits", length(&"9".repeat(400)), TOO_LARGE),
        refused("128 KiB and a byte, never sent", length("131073"), TOO_LARGE),
        served("no body for a length of 0", get("Content-Length: 0000000000000000000000")),
    ]
}

/// What has hidden a second request from one of two servers in a row elsewhere. Any of it would register somebody.
fn smuggling() -> Vec<Entry> {
    let coded = |value: &str| posted(format!("Transfer-Encoding: {value}"));
    let hidden = post(REGISTER);
    let chunks = format!("0\r\n\r\n{hidden}");
    vec![
        bad("length, then coding", posted("Content-Length: 69\r\ntransfer-encoding: chunked")),
        bad("coding, then length", posted("Transfer-Encoding: chunked\r\nContent-Length: 69")),
        bad("two lengths that differ", posted("Content-Length: 0\r\nContent-Length: 69")),
        bad("two lengths among other fields", posted("content-length: 69\r\nX: y\r\nCONTENT-LENGTH: 69")),
        bad("space before the coding's colon", posted("Transfer-Encoding : chunked\r\nContent-Length: 69")),
        bad("vertical tab before the coding", coded("\x0Bchunked")),
        bad("a coding behind a NUL", coded("\0chunked")),
        refused("coding in capitals", coded("CHUNKED"), LENGTH_REQUIRED),
        refused("coding in quotes", coded("\"chunked\""), LENGTH_REQUIRED),
        refused("coding twice", coded("chunked\r\nTransfer-Encoding: identity"), LENGTH_REQUIRED),
        refused("coding behind another", coded("gzip, chunked"), LENGTH_REQUIRED),
        refused("coding of nothing", coded(""), LENGTH_REQUIRED),
        refused("identity coding", coded("identity"), LENGTH_REQUIRED),
        refused("coding of GET", get(format!("Transfer-Encoding: chunked\r\n\r\n{chunks}")), LENGTH_REQUIRED),
        served(
            "a request as the body of GET",
            get(format!("Content-Length: {}\r\n\r\n{hidden}", hidden.len())),
        ),
        served("a request behind GET of no length", [get("Content-Length: 0"), hidden.into()].concat()),
        Entry::new(
            "a length with an underscore beside the true one",
            post_with("Content-Type: application/json\r\nContent_Length: 0\r\n", LIST),
            Due::Listed,
        ),
    ]
}

fn targets() -> Vec<Entry> {
    let missing = |name: &str, bytes: Vec<u8>| refused(name, bytes, NOT_FOUND);
    vec![
        served("an absolute form with user and port", target("http://registry:7100@evil.example:80/health")),
        served("an absolute form with an IPv6 address", target("http://[::1]:7100/health?x=http://evil/")),
        served("an absolute form in capitals", target("HTTP://REGISTRY/health")),
        missing("another scheme", target("https://registry/health")),
        missing("a scheme without slashes", target("http:/health")),
        missing("an absolute form of a path", target("http://registry//health")),
        missing("an absolute form in a path", target("/http://registry/health")),
        missing("a path in percent signs", target("/%68ealth")),
        missing("a NUL in percent signs", target("/health%00")),
        missing("a path with dots", target("/./health")),
        missing("a path with back slashes", target("\\health")),
        missing("a path with a parameter", target("/health;x=y")),
        missing("a line end in percent signs", target("/health%0d%0aHost:%20evil")),
        bad("a space in the path", target("/he alth")),
        bad("two spaces before the path", target(" /health")),
        bad("no path", "GET  HTTP/1.1\r\nHost: registry\r\n\r\n"),
        bad("an overlong slash", target(b"\xC0\xAFhealth")),
        bad("a surrogate in UTF-8 in the path", target(b"/\xED\xA0\x80")),
        bad("a path beyond Unicode", target(b"/\xF4\x90\x80\x80")),
        bad("0xFF in the path", target(b"/\xFF")),
        bad("a UTF-8 mark before the path", target("\u{feff}/health")),
        served("a value that is not UTF-8", get(b"X: \xC0\xAF\xED\xA0\x80\xF4\x90\x80\x80\xFF")),
        refused("a method that is not ASCII", "GÉT /health HTTP/1.1\r\nHost: x\r\n\r\n", NOT_IMPLEMENTED),
        refused("a method of 4,000 letters", request(&"X".repeat(4000), "/health"), NOT_IMPLEMENTED),
        refused("a method of WebDAV", request("PROPFIND", "/health"), NOT_IMPLEMENTED),
    ]
}

fn versions() -> Vec<Entry> {
    let version = |version: &str| format!("GET /health {version}\r\nHost: registry\r\n\r\n");
    let unsupported = |name: &str| refused(name, version(name), VERSION_NOT_SUPPORTED);
    vec![
        unsupported("HTTP/1.2"),
        unsupported("HTTP/1.10"),
        unsupported("HTTP/01.1"),
        unsupported("HTTP/-1.1"),
        unsupported("HTTP/1"),
        unsupported("HTTP/"),
        unsupported("HTTP/9.9"),
        bad("http/1.1", version("http/1.1")),
        bad("HTTPS/1.1", version("HTTPS/1.1")),
        bad("a space behind the version", version("HTTP/1.1 ")),
        bad("ICY", version("ICY")),
    ]
}

pub(super) fn rows() -> Vec<Entry> {
    [line_ends(), sizes(), lengths(), smuggling(), targets(), versions()].into_iter().flatten().collect()
}
