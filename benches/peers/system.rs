//! What the benchmark must know of a server to compare it: how it is started, and how it is spoken to. It never
//! knows a protocol; each has a file of its own.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::place::Place;
use crate::request::Request;

/// A kind of server.
pub(crate) trait System {
    /// For the command line, and for the names of files.
    fn key(&self) -> &'static str;

    /// As the table names it, with its version.
    fn title(&self) -> String;

    /// Which of its ways to be asked is measured.
    fn asked_with(&self) -> &'static str;

    /// Where a registration is when it is answered.
    fn kept(&self) -> &'static str;

    /// The file that holds the program itself, without the libraries that it needs.
    fn program(&self) -> &Path;

    /// A server that it can't do without, which is started for it.
    fn needs(&self) -> Option<&'static dyn System> {
        None
    }

    /// The program and its arguments; what it needs beside them is written into the folder of the place.
    fn command_line(&self, place: &Place) -> io::Result<Vec<String>>;

    /// The port it listens on, once its log tells, where it doesn't take the one it is given.
    fn port(&self, given: u16, _log: &str) -> Option<u16> {
        Some(given)
    }

    /// The size of every answer to a lookup, as `Answer::Record` holds it.
    fn record_bytes(&self) -> usize;

    /// A dialogue for one connection.
    fn dialogue(&self) -> Box<dyn Dialogue>;
}

/// One connection's share of a protocol: bytes to say, and the meaning of bytes that are heard. One request is under
/// way at a time.
pub(crate) trait Dialogue {
    /// What a client says first; `Answer::Ready` follows.
    fn greet(&mut self, out: &mut Vec<u8>);

    /// What a new server must be told before it can know agents; nothing, or something with an answer.
    fn prepare(&mut self, _out: &mut Vec<u8>) {}

    fn ask(&mut self, request: &Request, out: &mut Vec<u8>);

    /// Takes what is whole at the start of `input`; none when nothing is. What must be said in return without a
    /// request goes to `out`.
    fn hear<'a>(&'a mut self, input: &'a [u8], out: &mut Vec<u8>) -> io::Result<Option<Heard<'a>>>;

    /// What a polite client says last; nothing, or something with an answer.
    fn part(&mut self, _out: &mut Vec<u8>) {}
}

/// A piece of what a server says.
pub(crate) struct Heard<'a> {
    /// Its bytes on the wire.
    pub(crate) used: usize,
    /// None when it is no answer.
    pub(crate) answer: Option<Answer<'a>>,
}

impl<'a> Heard<'a> {
    pub(crate) fn aside(used: usize) -> io::Result<Option<Self>> {
        Ok(Some(Self { used, answer: None }))
    }

    pub(crate) fn answer(used: usize, answer: Answer<'a>) -> io::Result<Option<Self>> {
        Ok(Some(Self { used, answer: Some(answer) }))
    }
}

/// What an answer means.
#[derive(PartialEq, Eq)]
pub(crate) enum Answer<'a> {
    /// The greeting is over, or the server is prepared.
    Ready,
    /// To a lookup.
    Record(&'a [u8]),
    /// To a lookup of an agent that the server doesn't know.
    Absent,
    /// To a registration.
    Stored,
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => out.write_str("ready"),
            Self::Record(record) => write!(out, "{} bytes, {}", record.len(), record.escape_ascii()),
            Self::Absent => out.write_str("no such agent"),
            Self::Stored => out.write_str("stored"),
        }
    }
}

/// An error that shows what came.
pub(crate) fn unexpected(what: &str, bytes: &[u8]) -> io::Error {
    let shown = &bytes[..bytes.len().min(300)];
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{what}: {} bytes: {}", bytes.len(), shown.escape_ascii()),
    )
}

/// The upstream version of an installed package of Debian's: `7.0.15` of `5:7.0.15-1~deb12u7`.
pub(crate) fn packaged_version(package: &str) -> String {
    let output = Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let without_epoch = text.split_once(':').map_or(text.as_str(), |(_, version)| version);
    without_epoch.rsplit_once('-').map_or(without_epoch, |(version, _)| version).to_owned()
}
