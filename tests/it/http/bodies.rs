//! Request bodies: what they must call themselves, how long they may be, and `Expect: 100-continue`.

use std::process::Command;

use serde_json::json;

use crate::agent::shown;
use crate::answer::Answer;
use crate::curl;
use crate::process::{self, DEADLINE};
use crate::raw::{End, Raw};
use crate::registry::Registry;

use super::{LIST, NOBODY, REGISTER, ask, assert_refused, assert_unchanged, last_answer, post, post_with};

/// The most bytes a request may have.
const LIMIT: usize = 128 * 1024;

/// A request for the list that is as long as this.
fn list_of_length(length: usize) -> String {
    let without = json!({"action": "list_agents", "source_agent": ""}).to_string().len();
    json!({"action": "list_agents", "source_agent": "x".repeat(length - without)}).to_string()
}

/// A registration, never to be taken, that is as long as this.
fn registration_of_length(length: usize) -> String {
    format!("{REGISTER}{}", " ".repeat(length - REGISTER.len()))
}

#[test]
fn json_may_be_called_so_in_any_case_and_with_parameters() {
    let registry = Registry::start();
    for value in [
        "application/json",
        "APPLICATION/JSON",
        "Application/Json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "application/json ; charset=\"utf-8\"",
        "application/json;",
        "\tapplication/json \t",
    ] {
        for name in ["Content-Type", "content-type", "CONTENT-TYPE"] {
            let bytes = post_with(&format!("{name}: {value}\r\n"), LIST);
            let answer = ask(registry.port(), &bytes);
            assert_eq!((answer.status, &answer.body[..]), (200, NOBODY), "{bytes}: {answer:?}");
        }
    }
}

#[test]
fn a_body_that_does_not_call_itself_json_is_refused() {
    let registry = Registry::start();
    for headers in [
        "",
        "Content-Type:\r\n",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: multipart/form-data; boundary=application/json\r\n",
        "Content-Type: text/plain; application/json\r\n",
        "Content-Type: application/jsonp\r\n",
        "Content-Type: application/json-seq\r\n",
        "Content-Type: application\r\n",
        "Content-Type: json\r\n",
        "Content-Type: application/xml\r\n",
        "Accept: application/json\r\n",
    ] {
        let bytes = post_with(headers, REGISTER);
        assert_refused(&ask(registry.port(), &bytes), 415, "unsupported_media_type", bytes.as_bytes());
    }
    // As curl calls it when nobody says otherwise.
    let url = format!("http://127.0.0.1:{}/", registry.port());
    let answer = curl::run(&["-d", REGISTER, &url], b"");
    assert_refused(&answer, 415, "unsupported_media_type", b"curl -d");
    assert_unchanged(&registry);
}

#[test]
fn a_body_at_the_limit_is_taken_and_one_byte_more_is_not() {
    let registry = Registry::start();
    let body = list_of_length(LIMIT);
    assert_eq!(body.len(), 131_072);
    for answer in [ask(registry.port(), post(&body)), curl::post(registry.port(), &body)] {
        assert_eq!((answer.status, &answer.body[..]), (200, NOBODY), "{answer:?}");
    }
    let body = registration_of_length(LIMIT + 1);
    for answer in [ask(registry.port(), post(&body)), curl::post(registry.port(), &body)] {
        assert_refused(&answer, 413, "too_large", b"131073 bytes");
    }
    assert_unchanged(&registry);
}

#[test]
fn a_client_that_first_sends_a_mebibyte_reads_its_413() {
    let registry = Registry::start();
    let body = registration_of_length(1024 * 1024);
    for _ in 0..10 {
        // All of it is written before the first look for an answer: last_answer refuses a reset.
        assert_refused(&ask(registry.port(), post(&body)), 413, "too_large", b"a mebibyte");
    }
    let url = format!("http://127.0.0.1:{}/", registry.port());
    for expect in ["Expect:", "Expect: 100-continue"] {
        let json = ["-H", "Content-Type: application/json", "-H", expect, "--data-binary", "@-", &url];
        assert_refused(&curl::run(&json, &body), 413, "too_large", expect.as_bytes());
    }
    assert_unchanged(&registry);
}

#[test]
fn a_length_beyond_all_bounds_is_refused_at_the_head() {
    let registry = Registry::start();
    for length in ["131073", "1048576", "4294967296", "30000000000", "9223372036854775807"] {
        let head = post_with("Content-Type: application/json\r\n", "");
        let head = head.replacen("Content-Length: 0", &format!("Content-Length: {length}"), 1);
        assert_refused(&ask(registry.port(), &head), 413, "too_large", head.as_bytes());
    }
    assert_unchanged(&registry);
}

const EXPECT: &str = "Content-Type: application/json\r\nExpect: 100-continue\r\n";

/// Head and body of a request, to be sent one after the other.
fn split(request: &str) -> (&[u8], &[u8]) {
    request.as_bytes().split_at(request.find("\r\n\r\n").expect("a head") + 4)
}

#[test]
fn an_expectation_is_answered_before_the_body_is_sent() {
    let registry = Registry::start();
    for headers in [EXPECT.to_owned(), EXPECT.replace("Expect: 100-continue", "expect:100-Continue")] {
        for body in [LIST.to_owned(), list_of_length(100 * 1024), list_of_length(LIMIT)] {
            let request = post_with(&headers, &body);
            let (head, body) = split(&request);
            let mut connection = Raw::connect(registry.port());
            connection.send(head);
            let interim = connection.read_answer_head();
            assert_eq!((interim.status, interim.headers.len()), (100, 0), "{interim:?}");
            connection.send(body);
            let answer = last_answer(&mut connection, head);
            assert_eq!((answer.status, &answer.body[..]), (200, NOBODY), "{answer:?}");
        }
    }
}

#[test]
fn an_expectation_for_too_much_is_refused_at_the_head() {
    let registry = Registry::start();
    for port in [registry.port(), registry.health_port()] {
        for length in ["131073", "30000000000"] {
            let head = post_with(EXPECT, "").replacen("Length: 0", &format!("Length: {length}"), 1);
            let mut connection = Raw::connect(port);
            connection.send(&head);
            let (bytes, end) = connection.read_to_end();
            assert_eq!(end, End::Fin, "{head}: {}", shown(&bytes));
            assert!(!bytes.starts_with(b"HTTP/1.1 100"), "{head}: {}", shown(&bytes));
            assert_refused(&Answer::parse(&bytes), 413, "too_large", head.as_bytes());
        }
    }
    assert_unchanged(&registry);
}

#[test]
fn an_expectation_that_is_refused_for_something_else_is_refused_before_the_body_or_after_it() {
    let registry = Registry::start();
    let expecting = |with: &str, instead_of: &str| post_with(EXPECT, REGISTER).replacen(instead_of, with, 1);
    let rows = [
        (expecting("text/plain", "application/json"), 415, "unsupported_media_type"),
        (expecting("Origin: null\r\nExpect:", "Expect:"), 403, "forbidden"),
        (expecting("POST /nowhere ", "POST / "), 404, "not_found"),
        (expecting("PUT / ", "POST / "), 405, "method_not_allowed"),
    ];
    for (request, status, code) in rows {
        let (head, body) = split(&request);
        let mut connection = Raw::connect(registry.port());
        connection.send(head);
        let mut answer = connection.read_answer_head();
        if answer.status == 100 {
            connection.send(body);
            answer = connection.read_answer_head();
        }
        let (body, end) = connection.read_to_end();
        assert_eq!(end, End::Fin, "{request}");
        assert_refused(&Answer { body, ..answer }, status, code, head);
    }
    assert_unchanged(&registry);
}

#[test]
fn an_expectation_in_http_1_0_or_beside_the_body_changes_nothing() {
    let registry = Registry::start();
    let answer = ask(registry.port(), post_with(EXPECT, LIST));
    assert_eq!((answer.status, &answer.body[..]), (200, NOBODY), "{answer:?}");
    // RFC 9110, section 10.1.1: an HTTP/1.0 request's expectation is ignored.
    let mut connection = Raw::connect(registry.port());
    let request = post_with(EXPECT, LIST).replacen("HTTP/1.1", "HTTP/1.0", 1);
    let (head, body) = split(&request);
    connection.send(head);
    assert_eq!(ask(registry.port(), post(LIST)).body, NOBODY, "somebody else's round trip in between");
    connection.send(body);
    let first = connection.read_answer_head();
    assert_eq!(first.status, 200, "{first:?}");
}

#[test]
fn curl_that_expects_100_continue_gets_it() {
    let registry = Registry::start();
    let mut command = Command::new("curl");
    command.args(["-q", "-sS", "-i", "--noproxy", "*", "--max-time", "20", "--expect100-timeout", "20"]);
    command.args([
        "-H",
        "Content-Type: application/json",
        "-H",
        "Expect: 100-continue",
        "--data-binary",
        "@-",
    ]);
    command.arg(format!("http://127.0.0.1:{}/", registry.port()));
    let output = process::run(&mut command, list_of_length(100 * 1024).as_bytes(), DEADLINE * 2);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command:?}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{command:?}\n{said}");
    assert!(said.as_bytes().ends_with(NOBODY), "{command:?}\n{said}");
}

#[test]
fn a_body_that_nobody_reads_is_not_taken_for_the_next_request() {
    let registry = Registry::start();
    let hidden = [post(REGISTER), super::request("GET", "/livez")].concat();
    let body = hidden.repeat(LIMIT / hidden.len());
    for path in
        ["POST /nowhere ", "PUT / ", "POST /health ", "GET /health ", "DELETE /livez ", "HEAD /health "]
    {
        for port in [registry.port(), registry.health_port()] {
            // More often than the registry could have handlers, for whichever gets the next request.
            for _ in 0..8 {
                let bytes = post(&body).replacen("POST / ", path, 1);
                let answer = ask(port, &bytes);
                let due = match path {
                    "POST /nowhere " => 404,
                    "GET /health " | "HEAD /health " => 200,
                    "PUT / " if port == registry.health_port() => 404,
                    _ => 405,
                };
                assert_eq!(answer.status, due, "{path}: {answer:?}");
                assert_unchanged(&registry);
            }
        }
    }
}

#[test]
fn who_is_refused_before_he_has_sent_his_body_reads_the_refusal_all_the_same() {
    let registry = Registry::start();
    let json = "Content-Type: application/json\r\n";
    let rows = [
        ("POST /", json, 411, "length_required"),
        ("POST /nowhere", json, 404, "not_found"),
        ("POST /", "Content-Type: text/plain\r\n", 415, "unsupported_media_type"),
        ("PUT /", json, 405, "method_not_allowed"),
        ("POST /health", json, 405, "method_not_allowed"),
        ("POST /", "Content-Type: application/json\r\nOrigin: null\r\n", 403, "forbidden"),
    ];
    for (first_words, headers, status, code) in rows.repeat(5) {
        // Without a length, so that the answer is there before the body is.
        let head = format!("{first_words} HTTP/1.1\r\nHost: registry\r\n{headers}\r\n");
        let mut connection = Raw::connect(registry.port());
        connection.send(&head);
        connection.wait_for_some();
        for _ in 0..5 {
            connection.send(list_of_length(4096));
        }
        assert_refused(&last_answer(&mut connection, head.as_bytes()), status, code, head.as_bytes());
    }
    assert_unchanged(&registry);
}

#[test]
fn no_body_is_no_request() {
    let registry = Registry::start();
    for _ in 0..8 {
        assert_refused(&ask(registry.port(), post("")), 400, "invalid_request", b"an empty body");
    }
    assert_unchanged(&registry);
}
