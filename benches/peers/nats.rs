//! NATS with JetStream: a key-value bucket in memory. A lookup is a direct get, a registration a publication that the
//! stream acknowledges, as NATS's own clients do both.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::agents::{Question, RECORD_BYTES};
use crate::place::Place;
use crate::request::Request;
use crate::system::{Answer, Dialogue, Heard, System, packaged_version, unexpected};

const PROGRAM: &str = "/usr/sbin/nats-server";

/// A bucket named `agents`, as `nats kv add agents --storage memory` makes one.
const BUCKET: &str = concat!(
    r#"{"name":"KV_agents","subjects":["$KV.agents.>"],"storage":"memory","max_msgs_per_subject":1,"#,
    r#""retention":"limits","discard":"new","num_replicas":1,"max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"#,
    r#""allow_direct":true,"allow_rollup_hdrs":true,"deny_delete":true,"duplicate_window":120000000000}"#
);

const CREATED: &[u8] = br#"{"type":"io.nats.jetstream.api.v1.stream_create_response","config":"#;

pub(crate) struct Nats;

impl System for Nats {
    fn key(&self) -> &'static str {
        "nats"
    }

    fn title(&self) -> String {
        format!("NATS {}", packaged_version("nats-server"))
    }

    fn asked_with(&self) -> &'static str {
        "JetStream key-value: direct get, acknowledged put"
    }

    fn kept(&self) -> &'static str {
        "in memory, as the bucket was made"
    }

    fn program(&self) -> &Path {
        Path::new(PROGRAM)
    }

    fn command_line(&self, place: &Place) -> io::Result<Vec<String>> {
        let (port, folder) = (place.port.to_string(), place.path("jetstream"));
        let words = [PROGRAM, "--addr", "127.0.0.1", "--port", &port, "--jetstream", "--store_dir", &folder];
        Ok(words.map(str::to_owned).to_vec())
    }

    fn record_bytes(&self) -> usize {
        RECORD_BYTES
    }

    fn dialogue(&self) -> Box<dyn Dialogue> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Box::new(Client { inbox: format!("_INBOX.{}", COUNT.fetch_add(1, Ordering::Relaxed)) })
    }
}

struct Client {
    /// Where answers come in, a subject that no other connection has.
    inbox: String,
}

impl Client {
    fn publish(&self, subject: &str, payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(format!("PUB {subject} {} {}\r\n", self.inbox, payload.len()).as_bytes());
        out.extend_from_slice(payload);
        out.extend_from_slice(b"\r\n");
    }
}

impl Dialogue for Client {
    fn greet(&mut self, out: &mut Vec<u8>) {
        let options = r#"{"verbose":false,"pedantic":false,"headers":true,"no_responders":true}"#;
        out.extend_from_slice(format!("CONNECT {options}\r\nSUB {} 1\r\nPING\r\n", self.inbox).as_bytes());
    }

    fn prepare(&mut self, out: &mut Vec<u8>) {
        self.publish("$JS.API.STREAM.CREATE.KV_agents", BUCKET.as_bytes(), out);
    }

    fn ask(&mut self, request: &Request, out: &mut Vec<u8>) {
        let key = request.agent();
        if request.question == Question::Lookup {
            self.publish(&format!("$JS.API.DIRECT.GET.KV_agents.$KV.agents.{key}"), b"", out);
        } else {
            self.publish(&format!("$KV.agents.{key}"), request.record(), out);
        }
    }

    fn hear<'a>(&'a mut self, input: &'a [u8], out: &mut Vec<u8>) -> io::Result<Option<Heard<'a>>> {
        let Some(end) = input.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
        let (line, used) = (&input[..end], end + 2);
        match line.split(|byte| *byte == b' ').next().unwrap_or_default() {
            b"INFO" => Heard::aside(used),
            b"PONG" => Heard::answer(used, Answer::Ready),
            b"PING" => {
                out.extend_from_slice(b"PONG\r\n");
                Heard::aside(used)
            }
            b"MSG" => message(input, used, [0, length(line, 0)?], |_, payload| acknowledged(payload)),
            b"HMSG" => message(input, used, [length(line, 1)?, length(line, 0)?], found),
            _ => Err(unexpected("an error", line)),
        }
    }
}

/// A number at the end of a line, the last one or one before it.
fn length(line: &[u8], from_the_end: usize) -> io::Result<usize> {
    let word = line.rsplit(|byte| *byte == b' ').nth(from_the_end);
    let number = word.and_then(|word| str::from_utf8(word).ok()?.parse().ok());
    number.ok_or_else(|| unexpected("no length", line))
}

/// A message with `head` bytes of header, `total` bytes in all, from `start` on.
fn message<'a>(
    input: &'a [u8],
    start: usize,
    [head, total]: [usize; 2],
    meaning: fn(&'a [u8], &'a [u8]) -> io::Result<Answer<'a>>,
) -> io::Result<Option<Heard<'a>>> {
    let end = start + total;
    if input.len() < end + 2 {
        return Ok(None);
    }
    Heard::answer(end + 2, meaning(&input[start..start + head], &input[start + head..end])?)
}

/// The answer to a publication, or to the making of the bucket.
fn acknowledged(payload: &[u8]) -> io::Result<Answer<'_>> {
    if payload.starts_with(CREATED) {
        Ok(Answer::Ready)
    } else if payload.starts_with(br#"{"stream":"KV_agents""#) {
        Ok(Answer::Stored)
    } else {
        Err(unexpected("not acknowledged", payload))
    }
}

/// The answer to a direct get.
fn found<'a>(head: &'a [u8], payload: &'a [u8]) -> io::Result<Answer<'a>> {
    if head.starts_with(b"NATS/1.0\r\n") {
        Ok(Answer::Record(payload))
    } else if head.starts_with(b"NATS/1.0 404") {
        Ok(Answer::Absent)
    } else {
        Err(unexpected("not found, and not missed", head))
    }
}
