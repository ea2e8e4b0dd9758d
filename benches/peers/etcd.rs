//! etcd: a key a record, by its own gRPC service (Range and Put), not by the slower JSON gateway. As etcd's clients do,
//! a lookup asks for what all members agree on (linearizable).

use std::io;
use std::path::Path;

use crate::agents::{Question, RECORD_BYTES};
use crate::http2::{self, Heads};
use crate::place::{Place, free_port};
use crate::request::Request;
use crate::system::{Answer, Dialogue, Heard, System, packaged_version, unexpected};

const PROGRAM: &str = "/usr/bin/etcd";

pub(crate) struct Etcd;

impl System for Etcd {
    fn key(&self) -> &'static str {
        "etcd"
    }

    fn title(&self) -> String {
        format!("etcd {}", packaged_version("etcd-server"))
    }

    fn asked_with(&self) -> &'static str {
        "gRPC: `Range` (linearizable), `Put`"
    }

    fn kept(&self) -> &'static str {
        "synced to disk"
    }

    fn program(&self) -> &Path {
        Path::new(PROGRAM)
    }

    /// A cluster of one.
    fn command_line(&self, place: &Place) -> io::Result<Vec<String>> {
        let (client, peer) = (place.port, free_port()?);
        Ok(vec![
            PROGRAM.to_owned(),
            format!("--data-dir={}", place.path("data")),
            format!("--listen-client-urls=http://127.0.0.1:{client}"),
            format!("--advertise-client-urls=http://127.0.0.1:{client}"),
            format!("--listen-peer-urls=http://127.0.0.1:{peer}"),
            format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer}"),
            format!("--initial-cluster=default=http://127.0.0.1:{peer}"),
        ])
    }

    fn record_bytes(&self) -> usize {
        RECORD_BYTES
    }

    fn dialogue(&self) -> Box<dyn Dialogue> {
        Box::new(Channel {
            ranges: Heads::new("/etcdserverpb.KV/Range"),
            puts: Heads::new("/etcdserverpb.KV/Put"),
            stream: 0,
            is_lookup: false,
            message: Vec::new(),
        })
    }
}

/// One HTTP/2 connection.
struct Channel {
    ranges: Heads,
    puts: Heads,
    /// Of the last call; the next has the next odd number.
    stream: u32,
    is_lookup: bool,
    /// What came of the answer so far: a byte, the length, the protocol buffer.
    message: Vec<u8>,
}

impl Channel {
    /// What the call brought, once its stream has ended. A call that failed has no message; why, its head would say.
    fn outcome(&self, head: &[u8]) -> io::Result<Answer<'_>> {
        let Some(response) = self.message.get(5..) else { return Err(unexpected("a call failed", head)) };
        if !self.is_lookup {
            return Ok(Answer::Stored);
        }
        // RangeResponse.kvs, and KeyValue.value in it.
        let Some(pair) = field(response, 2) else { return Ok(Answer::Absent) };
        field(pair, 5).map(Answer::Record).ok_or_else(|| unexpected("no value", response))
    }
}

impl Dialogue for Channel {
    fn greet(&mut self, out: &mut Vec<u8>) {
        http2::put_preface(out);
    }

    fn ask(&mut self, request: &Request, out: &mut Vec<u8>) {
        self.is_lookup = request.question == Question::Lookup;
        self.stream = if self.stream == 0 { 1 } else { self.stream + 2 };
        self.message.clear();
        let mut call = vec![0; 5];
        put_field(1, request.agent().as_bytes(), &mut call);
        if self.is_lookup {
            self.ranges.put(self.stream, out);
        } else {
            put_field(2, request.record(), &mut call);
            self.puts.put(self.stream, out);
        }
        let length = (call.len() - 5) as u32;
        call[1..5].copy_from_slice(&length.to_be_bytes());
        http2::put_frame(http2::DATA, http2::END_STREAM, self.stream, &call, out);
    }

    fn hear<'a>(&'a mut self, input: &'a [u8], out: &mut Vec<u8>) -> io::Result<Option<Heard<'a>>> {
        let Some(frame) = http2::frame(input) else { return Ok(None) };
        let is_last = frame.flags & http2::END_STREAM != 0;
        match frame.kind {
            http2::SETTINGS if frame.flags & http2::ACK == 0 => {
                http2::put_frame(http2::SETTINGS, http2::ACK, 0, &[], out);
                Heard::answer(frame.size, Answer::Ready)
            }
            http2::PING if frame.flags & http2::ACK == 0 => {
                http2::put_frame(http2::PING, http2::ACK, 0, frame.payload, out);
                Heard::aside(frame.size)
            }
            http2::DATA => {
                self.message.extend_from_slice(frame.payload);
                Heard::aside(frame.size)
            }
            http2::HEADERS if is_last => Heard::answer(frame.size, self.outcome(frame.payload)?),
            http2::RST_STREAM | http2::GOAWAY => Err(unexpected("refused", frame.payload)),
            _ => Heard::aside(frame.size),
        }
    }
}

/// A field of bytes, in protocol buffers' encoding.
fn put_field(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    let mut length = bytes.len();
    while length > 0x7F {
        out.push(0x80 | (length & 0x7F) as u8);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
}

/// The first field of bytes with this number.
fn field(mut message: &[u8], number: u64) -> Option<&[u8]> {
    while !message.is_empty() {
        let tag = take_number(&mut message)?;
        let value = take_number(&mut message)?;
        if tag & 7 == 2 {
            let (bytes, rest) = message.split_at_checked(value as usize)?;
            if tag >> 3 == number {
                return Some(bytes);
            }
            message = rest;
        }
    }
    None
}

/// A number of seven bits a byte, the lowest first.
fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let size = bytes.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let (digits, rest) = bytes.split_at(size);
    *bytes = rest;
    Some(digits.iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7F)))
}
