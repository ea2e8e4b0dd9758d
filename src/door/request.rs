//! One HTTP request's head, checked as strictly as a public port deserves, and rewritten for tiny_http, which would do
//! too much of the wrong thing with what it was sent. Pure: bytes in, a verdict out. Which path takes which method is
//! judged elsewhere.

use std::time::SystemTime;

use httparse::{Error, Header, Status};
use httpdate::fmt_http_date;

use crate::quote::shown;
use crate::wire::MAX_REQUEST;
use crate::wire::code::Code;
use crate::wire::render;

/// The longest head, in bytes, its last empty line included.
const MAX_HEAD: usize = 8 * 1024;
/// The most header fields.
const MAX_FIELDS: usize = 64;
/// The methods of RFC 9110, section 9, and RFC 5789.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// A head that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Where the body starts in what was received.
    pub(super) length: usize,
    /// How many bytes the body has.
    pub(super) body: usize,
    /// The client waits for "100 Continue" before it sends the body.
    pub(super) expects_continue: bool,
    /// The answer has no body, whatever its Content-Length says.
    pub(super) is_head: bool,
    /// The head for tiny_http: HTTP/1.1, with the fields that matter and no others.
    pub(super) forwarded: Vec<u8>,
}

/// Why a request is refused at the door.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) text: String,
}

impl Refusal {
    /// The whole HTTP answer to what was `received`, given at `now` (RFC 9110, section 6.6.1, wants the date in it).
    pub(super) fn answer(&self, received: &[u8], now: SystemTime) -> Vec<u8> {
        let (status, reason) = self.code.http();
        let body = render::failure(self.code, &self.text);
        let retry = if status == 503 { "Retry-After: 1\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\nConnection: close\r\nDate: {}\r\nServer: service-registry\r\n{retry}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            fmt_http_date(now),
            body.len()
        );
        // RFC 9110, section 9.3.2: no body, and the length that it would have had.
        if received.starts_with(b"HEAD ") { head.into_bytes() } else { [head.into_bytes(), body].concat() }
    }
}

fn refuse(code: Code, text: impl Into<String>) -> Refusal {
    Refusal { code, text: text.into() }
}

fn invalid(text: impl Into<String>) -> Refusal {
    refuse(Code::InvalidRequest, text)
}

/// Reads the head at the start of `received`; `None` while it isn't whole.
pub(super) fn head(received: &[u8]) -> Result<Option<Head>, Refusal> {
    let end = received.windows(4).take(MAX_HEAD).position(|bytes| bytes == b"\r\n\r\n").map(|at| at + 4);
    let sent = &received[..end.unwrap_or(received.len().min(MAX_HEAD))];
    strict(sent)?;
    match end {
        Some(length) if length <= MAX_HEAD => whole(sent).map(Some),
        None if received.len() < MAX_HEAD => Ok(None),
        _ => Err(refuse(Code::HeadersTooLarge, format!("the HTTP head is over {MAX_HEAD} bytes"))),
    }
}

/// Refuses what parsers disagree on (RFC 9112, section 2.2): bare line feeds and carriage returns, and NUL.
fn strict(head: &[u8]) -> Result<(), Refusal> {
    if head.contains(&0) {
        return Err(invalid("the HTTP head holds a NUL byte"));
    }
    let lone_lf = |pair: &[u8]| pair[1] == b'\n' && pair[0] != b'\r';
    let lone_cr = |pair: &[u8]| pair[0] == b'\r' && pair[1] != b'\n';
    match head.windows(2).any(|pair| lone_lf(pair) || lone_cr(pair)) {
        true => Err(invalid("the lines of the HTTP head must end in CR LF")),
        false => Ok(()),
    }
}

fn whole(head: &[u8]) -> Result<Head, Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(head) {
        Ok(Status::Complete(_)) => {}
        Err(Error::TooManyHeaders) => {
            return Err(refuse(Code::HeadersTooLarge, format!("the HTTP head has over {MAX_FIELDS} fields")));
        }
        Ok(Status::Partial) | Err(_) => return Err(malformed(head)),
    }
    let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
        return Err(malformed(head));
    };
    known(method)?;
    let path = path(target)?;
    let fields = Fields(request.headers);
    if fields.count("Host") > 1 || (fields.count("Host") == 0 && version == 1) {
        return Err(invalid("an HTTP/1.1 request must have one Host field"));
    }
    // RFC 9112, section 3.2. An empty one is allowed.
    if let Some(host) = fields.value("Host").filter(|host| !host.iter().all(u8::is_ascii_graphic)) {
        let was = shown(&String::from_utf8_lossy(host));
        return Err(invalid(format!("Host must be a host and perhaps a port, not {was}")));
    }
    let length = content_length(&fields)?;
    let expects_continue = version == 1 && fields.has_value("Expect", "100-continue");
    Ok(Head {
        length: head.len(),
        body: length.unwrap_or(0),
        expects_continue,
        is_head: method == "HEAD",
        forwarded: forwarded(method, path, length, &fields)?,
    })
}

/// What httparse would not read, told as precisely as the first line allows.
fn malformed(head: &[u8]) -> Refusal {
    let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let words: Vec<&str> = line.split(' ').collect();
    let [method, _, version] = words[..] else {
        return invalid(format!("not an HTTP request line: {}", shown(&line)));
    };
    if let Err(refusal) = known(method)
        && version.starts_with("HTTP/1.")
    {
        return refusal;
    }
    match version {
        "HTTP/1.0" | "HTTP/1.1" => invalid("a line of the HTTP head is malformed"),
        _ if version.starts_with("HTTP/") => refuse(
            Code::VersionNotSupported,
            format!("HTTP/1.1 and HTTP/1.0 are spoken here, not {}", shown(version)),
        ),
        _ => invalid(format!("not an HTTP request line: {}", shown(&line))),
    }
}

fn known(method: &str) -> Result<(), Refusal> {
    if METHODS.contains(&method) {
        return Ok(());
    }
    Err(refuse(Code::NotImplemented, format!("unknown HTTP method {}", shown(method))))
}

/// The path and query of a request target in origin or absolute form (RFC 9112, section 3.2).
fn path(target: &str) -> Result<&str, Refusal> {
    if !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid(format!("the request target must be plain ASCII, not {}", shown(target))));
    }
    let Some((_, authority)) =
        target.split_once("://").filter(|(scheme, _)| scheme.eq_ignore_ascii_case("http"))
    else {
        return Ok(target);
    };
    let end = authority.find(['/', '?', '#']);
    // RFC 9110, section 4.2.1.
    if end.unwrap_or(authority.len()) == 0 {
        return Err(invalid(format!("the request target must name a host, not {}", shown(target))));
    }
    Ok(match end {
        Some(at) if authority[at..].starts_with('/') => &authority[at..],
        _ => "/",
    })
}

/// The body's length; `None` where no field gives one.
fn content_length(fields: &Fields<'_>) -> Result<Option<usize>, Refusal> {
    let lengths = fields.count("Content-Length");
    if fields.count("Transfer-Encoding") > 0 {
        return Err(match lengths {
            0 => refuse(Code::LengthRequired, "transfer codings are not taken; send a Content-Length"),
            _ => invalid("Content-Length and Transfer-Encoding exclude each other"),
        });
    }
    let Some(value) = fields.value("Content-Length") else { return Ok(None) };
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    if lengths > 1 || !digits {
        let was = if lengths > 1 { "several".into() } else { shown(&String::from_utf8_lossy(value)) };
        return Err(invalid(format!("Content-Length must be one number of bytes, not {was}")));
    }
    // More digits than a usize holds is more than the limit, too.
    let length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
    if length > MAX_REQUEST {
        let was = shown(&String::from_utf8_lossy(value));
        return Err(refuse(
            Code::TooLarge,
            format!("the request is {was} bytes; at most {MAX_REQUEST} are taken"),
        ));
    }
    Ok(Some(length))
}

fn forwarded(
    method: &str,
    path: &str,
    length: Option<usize>,
    fields: &Fields<'_>,
) -> Result<Vec<u8>, Refusal> {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    if let Some(length) = length {
        head += &format!("Content-Length: {length}\r\n");
    }
    if fields.count("Content-Type") > 1 {
        return Err(invalid("Content-Type must be given once"));
    }
    if let Some(value) = fields.value("Content-Type") {
        head += &format!("Content-Type: {}\r\n", value.escape_ascii());
    }
    // That they are there is all that counts.
    for from_a_page in ["Origin", "Sec-Fetch-Site"] {
        if fields.count(from_a_page) > 0 {
            head += &format!("{from_a_page}: yes\r\n");
        }
    }
    head += "\r\n";
    Ok(head.into_bytes())
}

struct Fields<'a>(&'a [Header<'a>]);

impl<'a> Fields<'a> {
    fn named(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    fn count(&self, name: &str) -> usize {
        self.named(name).count()
    }

    fn value(&self, name: &str) -> Option<&'a [u8]> {
        self.named(name).next()
    }

    fn has_value(&self, name: &str, value: &str) -> bool {
        self.named(name).any(|given| given.eq_ignore_ascii_case(value.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POST: &str =
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n";

    fn refused(request: &str) -> (u16, String) {
        match head(request.as_bytes()) {
            Err(refusal) => (refusal.code.http().0, refusal.text),
            other => panic!("{request:?} gave {other:?}"),
        }
    }

    fn accepted(request: &str) -> Head {
        head(request.as_bytes()).expect("no refusal").expect("a whole head")
    }

    #[test]
    fn a_request_is_forwarded_with_what_matters() {
        let post = format!("{}{{}}", POST.replace("Host: x", "Host: x\r\nAccept: */*\r\norigin: null"));
        let head = accepted(&post);
        let forwarded =
            "POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Type: application/json\r\nOrigin: yes\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&head.forwarded), forwarded);
        assert_eq!((head.length, head.body), (post.len() - 2, 2));
        assert!(!head.expects_continue && !head.is_head);
        assert!(
            accepted("HEAD http://a/health?x HTTP/1.0\r\n\r\n")
                .forwarded
                .starts_with(b"HEAD /health?x HTTP/1.1")
        );
        assert!(accepted("GET http://a?b=/health HTTP/1.0\r\n\r\n").forwarded.starts_with(b"GET / HTTP/1.1"));
        assert!(accepted(&POST.replace("\r\n\r\n", "\r\nExpect: 100-Continue\r\n\r\n")).expects_continue);
    }

    #[test]
    fn a_refused_head_request_is_answered_without_a_body() {
        let refusal = invalid("no");
        let whole = refusal.answer(b"GET / ", SystemTime::UNIX_EPOCH);
        let head = refusal.answer(b"HEAD / ", SystemTime::UNIX_EPOCH);
        assert!(head.ends_with(b"\r\n\r\n") && whole.starts_with(&head) && whole.len() > head.len());
    }

    #[test]
    fn every_prefix_of_a_head_wants_more() {
        for end in 0..POST.len() {
            assert_eq!(head(&POST.as_bytes()[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn what_is_not_plain_http_is_refused() {
        let get = |fields: &str| format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n");
        for (request, status, text) in [
            ("GET / HTTP/1.1\n\n".into(), 400, "CR LF"),
            ("GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n".into(), 400, "CR LF"),
            ("GET / HTTP/1.1\r\nHo\0st: x\r\n\r\n".into(), 400, "NUL"),
            (get("A: b\r\n folded"), 400, "malformed"),
            (get("A : b"), 400, "malformed"),
            ("GET / HTTP/1.1\r\n\r\n".into(), 400, "Host"),
            (get("Host: y"), 400, "Host"),
            (get("").replace("Host: x", "Host: a b"), 400, "not a b"),
            ("GET http:///health HTTP/1.1\r\nHost: x\r\n\r\n".into(), 400, "name a host"),
            ("GET /\u{e9} HTTP/1.1\r\nHost: x\r\n\r\n".into(), 400, "ASCII"),
            (get("Content-Length: +5"), 400, "not +5"),
            (get("Content-Length: -5"), 400, "not -5"),
            (get("Content-Length:"), 400, "Content-Length"),
            (get("Content-Length: 5, 5"), 400, "not 5, 5"),
            (get("Content-Length: 5\r\nContent-Length: 5"), 400, "several"),
            (get("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400, "exclude"),
            (get("Transfer-Encoding: chunked"), 411, "Content-Length"),
            (get("Content-Length: 131073"), 413, "131073"),
            (get("Content-Length: 99999999999999999999999"), 413, "at most 131072"),
            (get("Content-Type: a\r\nContent-Type: b"), 400, "once"),
            ("BREW / HTTP/1.1\r\nHost: x\r\n\r\n".into(), 501, "BREW"),
            ("get / HTTP/1.1\r\nHost: x\r\n\r\n".into(), 501, "get"),
            ("PRI * HTTP/2.0\r\n\r\n".into(), 505, "HTTP/2.0"),
            ("GET / HTTP/0.9\r\n\r\n".into(), 505, "HTTP/0.9"),
            ("hello\r\n\r\n".into(), 400, "hello"),
            ("GET /\r\n\r\n".into(), 400, "GET /"),
            ("GET / there\r\n\r\n".into(), 400, "GET / there"),
            (get(&"A: b\r\n".repeat(64)), 431, "64 fields"),
            (format!("GET / HTTP/1.1\r\nA: {}", "b".repeat(8192)), 431, "8192 bytes"),
            (get(&format!("A: {}", "b".repeat(8192))), 431, "8192 bytes"),
        ] {
            let (was, said) = refused(&request);
            assert_eq!(was, status, "{request:?} said {said}");
            assert!(said.contains(text), "{request:?} said {said}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = head(&bytes);
            let _ = head(&[&b"GET / HTTP/1.1\r\n"[..], &bytes, b"\r\n\r\n"].concat());
        }
    }
}
