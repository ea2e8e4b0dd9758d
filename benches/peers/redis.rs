//! Redis: a string a record, GET and SET, in RESP2.

use std::io;
use std::path::Path;

use crate::agents::{Question, RECORD_BYTES};
use crate::place::Place;
use crate::request::Request;
use crate::system::{Answer, Dialogue, Heard, System, packaged_version, unexpected};

const PROGRAM: &str = "/usr/bin/redis-server";

pub(crate) struct Redis;

impl System for Redis {
    fn key(&self) -> &'static str {
        "redis"
    }

    fn title(&self) -> String {
        format!("Redis {}", packaged_version("redis-server"))
    }

    fn asked_with(&self) -> &'static str {
        "RESP2: `GET`, `SET`"
    }

    fn kept(&self) -> &'static str {
        "in memory; snapshots follow"
    }

    fn program(&self) -> &Path {
        Path::new(PROGRAM)
    }

    /// Without a configuration file, so with the defaults that are built in.
    fn command_line(&self, place: &Place) -> io::Result<Vec<String>> {
        let (port, folder) = (place.port.to_string(), place.path(""));
        let words = [PROGRAM, "--port", &port, "--bind", "127.0.0.1", "--dir", &folder];
        Ok(words.map(str::to_owned).to_vec())
    }

    fn record_bytes(&self) -> usize {
        RECORD_BYTES
    }

    fn dialogue(&self) -> Box<dyn Dialogue> {
        Box::new(Resp)
    }
}

struct Resp;

impl Dialogue for Resp {
    fn greet(&mut self, out: &mut Vec<u8>) {
        put_command(&[b"PING"], out);
    }

    fn ask(&mut self, request: &Request, out: &mut Vec<u8>) {
        let key = request.agent().as_bytes();
        if request.question == Question::Lookup {
            put_command(&[b"GET", key], out);
        } else {
            put_command(&[b"SET", key, request.record()], out);
        }
    }

    fn hear<'a>(&'a mut self, input: &'a [u8], _out: &mut Vec<u8>) -> io::Result<Option<Heard<'a>>> {
        let Some(end) = input.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
        let used = end + 2;
        match &input[..end] {
            b"+PONG" => Heard::answer(used, Answer::Ready),
            b"+OK" => Heard::answer(used, Answer::Stored),
            b"$-1" => Heard::answer(used, Answer::Absent),
            [b'$', digits @ ..] => Ok(bulk(input, used, digits)?),
            line => Err(unexpected("an error", line)),
        }
    }
}

/// A string of as many bytes as `digits` say, from `start` on.
fn bulk<'a>(input: &'a [u8], start: usize, digits: &[u8]) -> io::Result<Option<Heard<'a>>> {
    let length = str::from_utf8(digits).ok().and_then(|digits| digits.parse::<usize>().ok());
    let end = start + length.ok_or_else(|| unexpected("no length", digits))?;
    if input.len() < end + 2 {
        return Ok(None);
    }
    Heard::answer(end + 2, Answer::Record(&input[start..end]))
}

fn put_command(words: &[&[u8]], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}
