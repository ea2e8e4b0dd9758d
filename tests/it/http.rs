//! HTTP on both ports as RFC 9110 and 9112 have it and the contract narrows it: paths, methods, and who is refused. Heads,
//! bodies, connections and long answers have files of their own beside this one.

use serde_json::Value;

use crate::agent::{Agent, shown};
use crate::answer::{self, Answer};
use crate::curl;
use crate::raw::{End, Raw};
use crate::registry::Registry;

mod bodies;
mod connections;
mod heads;
mod long_lists;
pub(crate) mod population;

pub(crate) const LIST: &str = r#"{"action":"list_agents"}"#;
pub(crate) const NOBODY: &[u8] = br#"{"status":"success","agents":[]}"#;
/// The body of every request that is to be refused: had it been taken, the list would show it.
pub(crate) const REGISTER: &str = r#"{"action":"register_agent","agent_id":"Intruder","host":"h","port":1}"#;

const PATHS: [&str; 3] = ["/health", "/livez", "/readyz"];

/// A well-formed request to the API.
pub(crate) fn post(body: &str) -> String {
    post_with("Content-Type: application/json\r\n", body)
}

/// The same with these header lines and, beside Host and Content-Length, no others.
pub(crate) fn post_with(headers: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: registry\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

pub(crate) fn request(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: registry\r\n\r\n")
}

/// Sends these bytes over a fresh connection and gives the one answer that comes before its end.
pub(crate) fn ask(port: u16, bytes: impl AsRef<[u8]>) -> Answer {
    let mut connection = Raw::connect(port);
    connection.send(&bytes);
    last_answer(&mut connection, bytes.as_ref())
}

/// The same of a daemon that may die before it answers.
pub(crate) fn try_ask(port: u16, bytes: impl AsRef<[u8]>) -> Option<Answer> {
    let mut connection = Raw::try_connect(port)?;
    connection.try_send(&bytes).ok()?;
    let read = connection.read_to_end().0;
    let head = answer::split_head(&read)?.0;
    let length = answer::content_length(head)?;
    (read.len() == head.len() + 4 + length).then(|| Answer::parse(&read))
}

/// The one answer up to the connection's end, which must be a FIN: a reset could have eaten the answer.
pub(crate) fn last_answer(connection: &mut Raw, request: &[u8]) -> Answer {
    let (bytes, end) = connection.read_to_end();
    assert_eq!(end, End::Fin, "{} was answered by {}", shown(request), shown(&bytes));
    assert!(!bytes.is_empty(), "{} was not answered", shown(request));
    let answer = Answer::parse(&bytes);
    assert_common(&answer, request);
    let of_head = request.starts_with(b"HEAD");
    let length = content_length(&answer);
    assert!(of_head || length == answer.body.len(), "{length} bytes announced, not sent: {answer:?}");
    assert!(!of_head || answer.body.is_empty(), "a body after HEAD: {answer:?}");
    answer
}

fn content_length(answer: &Answer) -> usize {
    let length = answer.header("Content-Length").unwrap_or_else(|| panic!("no Content-Length: {answer:?}"));
    length.parse().unwrap_or_else(|e| panic!("{e}: {answer:?}"))
}

/// What is true of every answer.
fn assert_common(answer: &Answer, request: &[u8]) {
    assert_eq!(answer.header("Connection"), Some("close"), "{}: {answer:?}", shown(request));
    assert_eq!(answer.header("Transfer-Encoding"), None, "{}: {answer:?}", shown(request));
    let cors = |(name, _): &&(String, String)| name.to_ascii_lowercase().starts_with("access-control-");
    assert_eq!(answer.headers.iter().find(cors), None, "{}: {answer:?}", shown(request));
}

/// A failure as section 2 of the contract has it, with this status and code; gives its text.
pub(crate) fn assert_refused(answer: &Answer, status: u16, code: &str, request: &[u8]) -> String {
    let evidence = format!("{} must be {status} {code}, and got {answer:?}", shown(request));
    assert_eq!(answer.status, status, "{evidence}");
    assert_eq!(answer.header("Content-Type"), Some("application/json"), "{evidence}");
    let body = answer.json();
    assert_eq!((&body["status"], &body["code"]), (&Value::from("error"), &Value::from(code)), "{evidence}");
    assert!(answer.body.starts_with(br#"{"status":"error","error":""#), "{evidence}");
    let text = body["error"].as_str().unwrap_or_default();
    assert!(!text.is_empty(), "{evidence}");
    text.to_owned()
}

pub(crate) fn assert_allow(answer: &Answer, methods: &str) {
    let mut allowed: Vec<&str> =
        answer.header("Allow").unwrap_or_default().split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed.join(", "), methods, "{answer:?}");
}

/// Nobody has been registered, and the registry goes on.
pub(crate) fn assert_unchanged(registry: &Registry) {
    let reply = Agent::connect(registry.port()).ask(LIST);
    assert_eq!(reply, NOBODY, "{}\n{}", shown(&reply), registry.evidence());
    let answer = ask(registry.port(), post(LIST));
    assert_eq!((answer.status, &answer.body[..]), (200, NOBODY), "{answer:?}\n{}", registry.evidence());
}

fn ports(registry: &Registry) -> [u16; 2] {
    [registry.port(), registry.health_port()]
}

#[test]
fn health_livez_and_readyz_are_on_both_ports() {
    let registry = Registry::start();
    for port in ports(&registry) {
        for path in PATHS {
            assert_eq!(ask(port, request("GET", path)).status, 200, "{path}");
        }
        let answer = ask(port, request("GET", "/health"));
        assert_eq!(answer.header("Content-Type"), Some("application/json"), "{answer:?}");
        let start = r#"{"status":"ok","message":"ServiceRegistry is healthy","timestamp":""#;
        assert!(answer.text().starts_with(start), "{answer:?}");
        assert_eq!(answer.json()["ready"], true, "{answer:?}");
    }
}

#[test]
fn a_query_is_ignored() {
    let registry = Registry::start();
    for port in ports(&registry) {
        for path in ["/health?", "/health?verbose=1", "/livez?x=/nowhere", "/readyz?a&b=%00", "/health?a?b"] {
            assert_eq!(ask(port, request("GET", path)).status, 200, "{path}");
        }
    }
    let with_query = post(LIST).replacen("POST / ", "POST /?from=test ", 1);
    assert_eq!(ask(registry.port(), with_query).body, NOBODY);
}

#[test]
fn head_is_get_without_the_body() {
    let registry = Registry::start();
    for port in ports(&registry) {
        for path in PATHS.into_iter().chain(["/nowhere"]) {
            // Between the two GETs because the uptime may have got one more digit.
            let [before, head, after] = ["GET", "HEAD", "GET"].map(|method| ask(port, request(method, path)));
            assert_eq!(head.status, before.status, "{path}: {head:?}");
            let lengths = [content_length(&before), content_length(&after)];
            assert!(lengths.contains(&content_length(&head)), "{path}: {head:?} beside {before:?}");
            assert_eq!(head.header("Content-Type"), before.header("Content-Type"), "{path}: {head:?}");
        }
    }
    let head = ask(registry.port(), request("HEAD", "/"));
    assert_eq!(head.status, 405, "{head:?}");
    assert_allow(&head, "POST");
}

#[test]
fn get_on_the_registry_port_shows_the_call_to_make() {
    let registry = Registry::start();
    for answer in [ask(registry.port(), request("GET", "/")), curl::get(registry.port(), "/")] {
        let text = assert_refused(&answer, 405, "method_not_allowed", b"GET /");
        assert_allow(&answer, "POST");
        for words in ["curl -X POST ", "Content-Type: application/json", r#"{"action": "list_agents"}"#] {
            assert!(text.contains(words), "{words:?} in {text}");
        }
    }
}

#[test]
fn a_method_that_a_path_has_not_is_405_and_one_that_nobody_has_501() {
    let registry = Registry::start();
    let (port, health_port) = (registry.port(), registry.health_port());
    for method in ["PUT", "DELETE", "OPTIONS"] {
        let answer = ask(port, request(method, "/"));
        assert_refused(&answer, 405, "method_not_allowed", method.as_bytes());
        assert_allow(&answer, "POST");
    }
    for port in ports(&registry) {
        for path in PATHS {
            for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
                let bytes = post(REGISTER).replacen("POST / ", &format!("{method} {path} "), 1);
                let answer = ask(port, &bytes);
                assert_refused(&answer, 405, "method_not_allowed", bytes.as_bytes());
                assert_allow(&answer, "GET, HEAD");
            }
        }
        for method in ["BREW", "get", "Post", "X-LIST", "GETS"] {
            let bytes = request(method, "/health");
            assert_refused(&ask(port, &bytes), 501, "not_implemented", bytes.as_bytes());
        }
    }
    let with_body = post(REGISTER).replacen("POST", "PROPFIND", 1);
    assert_refused(&ask(port, &with_body), 501, "not_implemented", with_body.as_bytes());
    assert_refused(&ask(health_port, &with_body), 501, "not_implemented", with_body.as_bytes());
    assert_unchanged(&registry);
}

#[test]
fn the_health_port_is_never_a_way_to_write() {
    let registry = Registry::start();
    // The path is as unknown there as any other: what can be asked there has names of its own.
    for answer in [ask(registry.health_port(), post(REGISTER)), curl::post(registry.health_port(), REGISTER)]
    {
        assert_refused(&answer, 404, "not_found", REGISTER.as_bytes());
    }
    let over_zmq = Agent::connect(registry.health_port()).ask(REGISTER);
    assert!(over_zmq.starts_with(br#"{"status":"ok","#), "{}", shown(&over_zmq));
    assert_unchanged(&registry);
}

#[test]
fn an_unknown_path_is_not_found() {
    let registry = Registry::start();
    for port in ports(&registry) {
        for path in
            ["/nowhere", "/healthy", "/health/", "/HEALTH", "/metrics", "/%2e%2e/health", "/list_agents"]
        {
            let bytes = request("GET", path);
            assert_refused(&ask(port, &bytes), 404, "not_found", bytes.as_bytes());
        }
    }
    let bytes = post(REGISTER).replacen("POST / ", "POST /agents ", 1);
    assert_refused(&ask(registry.port(), &bytes), 404, "not_found", bytes.as_bytes());
    assert_unchanged(&registry);
}

#[test]
fn a_web_page_is_refused_on_the_registry_port_and_sees_health_on_the_other() {
    let registry = Registry::start();
    let marks = [
        "Origin: https://example.com\r\n",
        "origin: null\r\n",
        "Origin:\r\n",
        "ORIGIN: http://localhost:7100\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "sec-fetch-site: same-origin\r\n",
        "Sec-Fetch-Site: none\r\n",
    ];
    for mark in marks {
        let posted = post_with(&format!("Content-Type: application/json\r\n{mark}"), REGISTER);
        let gets =
            [("GET", "/health"), ("HEAD", "/livez"), ("GET", "/"), ("OPTIONS", "/"), ("GET", "/nowhere")];
        let others = gets
            .map(|(method, path)| request(method, path).replacen("\r\n\r\n", &format!("\r\n{mark}\r\n"), 1));
        for bytes in others.iter().chain([&posted]) {
            let answer = ask(registry.port(), bytes);
            assert_eq!(answer.status, 403, "{bytes:?}: {answer:?}");
            if !bytes.starts_with("HEAD") {
                assert_refused(&answer, 403, "forbidden", bytes.as_bytes());
            }
        }
        let health = ask(registry.health_port(), &others[0]);
        assert_eq!((health.status, &health.json()["status"]), (200, &Value::from("ok")), "{health:?}");
    }
    assert_unchanged(&registry);
}
