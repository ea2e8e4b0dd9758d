//! ZooKeeper: a znode a record below /agents, in its own binary protocol (jute): every message has its length in
//! front, numbers are big-endian, strings and data have their length in front, too.

use std::fs;
use std::io;
use std::path::Path;

use crate::agents::{Question, RECORD_BYTES};
use crate::place::Place;
use crate::request::Request;
use crate::system::{Answer, Dialogue, Heard, System, packaged_version, unexpected};

const PROGRAM: &str = "/usr/share/java/zookeeper.jar";
const CLASS_PATH: &str = "/etc/zookeeper/conf:/usr/share/java/zookeeper.jar";
const MAIN: &str = "org.apache.zookeeper.server.quorum.QuorumPeerMain";

const CREATE: i32 = 1;
const GET_DATA: i32 = 4;
const SET_DATA: i32 = 5;
const CLOSE_SESSION: i32 = -11;

const NO_NODE: i32 = -101;
const NODE_EXISTS: i32 = -110;

/// Longer than anything that is measured over one connection.
const SESSION_MILLISECONDS: i32 = 40_000;

pub(crate) struct ZooKeeper;

impl System for ZooKeeper {
    fn key(&self) -> &'static str {
        "zookeeper"
    }

    fn title(&self) -> String {
        format!("ZooKeeper {}", packaged_version("zookeeper"))
    }

    fn asked_with(&self) -> &'static str {
        "its own protocol: `getData`, `setData`"
    }

    fn kept(&self) -> &'static str {
        "synced to disk"
    }

    fn program(&self) -> &Path {
        Path::new(PROGRAM)
    }

    /// One server alone, as zkServer.sh starts it but without JMX; the admin server would want a port of its own.
    fn command_line(&self, place: &Place) -> io::Result<Vec<String>> {
        let (port, data, configuration) = (place.port, place.path("data"), place.path("zoo.cfg"));
        let settings = format!(
            "tickTime=2000\ndataDir={data}\nclientPort={port}\nclientPortAddress=127.0.0.1\n\
             admin.enableServer=false\n"
        );
        fs::write(&configuration, settings)?;
        Ok(["java", "-cp", CLASS_PATH, MAIN, &configuration].map(str::to_owned).to_vec())
    }

    fn record_bytes(&self) -> usize {
        RECORD_BYTES
    }

    fn dialogue(&self) -> Box<dyn Dialogue> {
        Box::new(Session { asked: Asked::Session, number: 0 })
    }
}

/// What the next message answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Session,
    Parent,
    Data,
    Change,
}

struct Session {
    asked: Asked,
    /// Of the last request.
    number: i32,
}

impl Session {
    fn request(&mut self, asked: Asked, operation: i32, body: &[u8], out: &mut Vec<u8>) {
        self.asked = asked;
        self.number += 1;
        put_number(8 + body.len() as i32, out);
        put_number(self.number, out);
        put_number(operation, out);
        out.extend_from_slice(body);
    }
}

impl Dialogue for Session {
    fn greet(&mut self, out: &mut Vec<u8>) {
        let mut body = vec![0; 4 + 8];
        put_number(SESSION_MILLISECONDS, &mut body);
        body.extend_from_slice(&[0; 8]);
        put_data(&[0; 16], &mut body);
        body.push(0);
        put_data(&body, out);
    }

    fn prepare(&mut self, out: &mut Vec<u8>) {
        self.request(Asked::Parent, CREATE, &creation("/agents", b""), out);
    }

    fn ask(&mut self, request: &Request, out: &mut Vec<u8>) {
        let path = format!("/agents/{}", request.agent());
        match request.question {
            Question::Lookup => {
                let mut body = text(&path);
                body.push(0);
                self.request(Asked::Data, GET_DATA, &body, out);
            }
            Question::Fill => self.request(Asked::Change, CREATE, &creation(&path, request.record()), out),
            _ => self.request(Asked::Change, SET_DATA, &change(&path, request.record()), out),
        }
    }

    fn hear<'a>(&'a mut self, input: &'a [u8], _out: &mut Vec<u8>) -> io::Result<Option<Heard<'a>>> {
        let Some(length) = number(input, 0) else { return Ok(None) };
        let used = 4 + length as usize;
        let Some(message) = input.get(4..used) else { return Ok(None) };
        if self.asked == Asked::Session {
            return Heard::answer(used, Answer::Ready);
        }
        // Its number, the last transaction's (eight bytes), the error.
        let (Some(answered), Some(error)) = (number(message, 0), number(message, 12)) else {
            return Err(unexpected("no head", message));
        };
        match (self.asked, error) {
            _ if answered != self.number => Err(unexpected("the answer to something else", message)),
            (Asked::Parent, 0 | NODE_EXISTS) => Heard::answer(used, Answer::Ready),
            (Asked::Change, 0) => Heard::answer(used, Answer::Stored),
            (Asked::Data, NO_NODE) => Heard::answer(used, Answer::Absent),
            (Asked::Data, 0) => Heard::answer(used, Answer::Record(data(message)?)),
            _ => Err(unexpected(&format!("error {error}"), message)),
        }
    }

    /// Or the session would be expired while another server is measured.
    fn part(&mut self, out: &mut Vec<u8>) {
        self.request(Asked::Change, CLOSE_SESSION, b"", out);
    }
}

/// What follows the head of an answer to `getData`; a stat comes after it.
fn data(message: &[u8]) -> io::Result<&[u8]> {
    let length = number(message, 16).unwrap_or(-1);
    let end = usize::try_from(length).map(|length| 20 + length);
    end.ok().and_then(|end| message.get(20..end)).ok_or_else(|| unexpected("no data", message))
}

fn text(path: &str) -> Vec<u8> {
    let mut body = Vec::new();
    put_data(path.as_bytes(), &mut body);
    body
}

/// A lasting node that anyone may change.
fn creation(path: &str, data: &[u8]) -> Vec<u8> {
    let mut body = text(path);
    put_data(data, &mut body);
    put_number(1, &mut body);
    put_number(31, &mut body);
    put_data(b"world", &mut body);
    put_data(b"anyone", &mut body);
    put_number(0, &mut body);
    body
}

/// New data for a node, whatever its version.
fn change(path: &str, data: &[u8]) -> Vec<u8> {
    let mut body = text(path);
    put_data(data, &mut body);
    put_number(-1, &mut body);
    body
}

fn put_number(number: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_be_bytes());
}

fn put_data(data: &[u8], out: &mut Vec<u8>) {
    put_number(data.len() as i32, out);
    out.extend_from_slice(data);
}

fn number(bytes: &[u8], at: usize) -> Option<i32> {
    bytes.get(at..at + 4)?.try_into().ok().map(i32::from_be_bytes)
}
