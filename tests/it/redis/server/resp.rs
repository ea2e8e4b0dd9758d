//! A client of Redis in the test's own hands: words in, one reply out, any bytes. It knows how replies are framed and
//! nothing of what they mean.

use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::process::DEADLINE;

/// What Redis says to one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Status(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Nil,
    Array(Vec<Reply>),
}

impl Reply {
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Reply::Bulk(bytes) => bytes,
            Reply::Status(text) => text.into_bytes(),
            other => panic!("no string: {other}"),
        }
    }

    pub(crate) fn text(self) -> String {
        String::from_utf8(self.bytes()).expect("UTF-8 from Redis")
    }

    pub(crate) fn integer(self) -> i64 {
        match self {
            Reply::Integer(number) => number,
            other => panic!("no integer: {other}"),
        }
    }

    pub(crate) fn array(self) -> Vec<Reply> {
        match self {
            Reply::Array(parts) => parts,
            other => panic!("no array: {other}"),
        }
    }
}

/// As redis-cli shows it, in one line.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Status(text) => f.write_str(text),
            Reply::Error(text) => write!(f, "(error) {text}"),
            Reply::Integer(number) => write!(f, "(integer) {number}"),
            Reply::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Reply::Nil => f.write_str("(nil)"),
            Reply::Array(parts) => f.debug_list().entries(parts.iter().map(|part| part.to_string())).finish(),
        }
    }
}

/// One connection. After an error it is of no use any more.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect_timeout(&address, DEADLINE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        Ok(Client { stream: BufReader::new(stream) })
    }

    pub(crate) fn ask<W: AsRef<[u8]>>(&mut self, words: &[W]) -> io::Result<Reply> {
        self.stream.get_mut().write_all(&encoded(words))?;
        self.reply()
    }

    /// Sends all of these before it reads the first reply. Their replies must fit into the kernel's buffers.
    pub(crate) fn ask_all<W: AsRef<[u8]>>(&mut self, commands: &[Vec<W>]) -> io::Result<Vec<Reply>> {
        let bytes: Vec<u8> = commands.iter().flat_map(|words| encoded(words)).collect();
        self.stream.get_mut().write_all(&bytes)?;
        commands.iter().map(|_| self.reply()).collect()
    }

    /// The next reply, or whatever else Redis says by itself.
    pub(crate) fn reply(&mut self) -> io::Result<Reply> {
        let line = self.line()?;
        let (kind, rest) = line.split_at_checked(1).ok_or_else(|| strange(&line))?;
        let length = || rest.parse::<i64>().map_err(|_| strange(&line));
        Ok(match kind {
            "+" => Reply::Status(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Integer(length()?),
            "$" | "*" if rest == "-1" => Reply::Nil,
            "$" => Reply::Bulk(self.bulk(usize::try_from(length()?).map_err(|_| strange(&line))?)?),
            "*" => Reply::Array((0..length()?).map(|_| self.reply()).collect::<io::Result<_>>()?),
            _ => return Err(strange(&line)),
        })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        let text = line.strip_suffix(b"\r\n").ok_or(ErrorKind::UnexpectedEof)?;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn bulk(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(bytes)
    }
}

fn encoded<W: AsRef<[u8]>>(words: &[W]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words.iter().map(AsRef::as_ref) {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn strange(line: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("not RESP: {line:?}"))
}
