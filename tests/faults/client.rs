//! A client that waits no longer than it wants to: a fresh connection for each request, HTTP or ZMTP, on loopback of whatever
//! network the calling thread is in. It tells apart whether a request that got no answer may have been taken. It knows
//! nothing of what is asked.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::answer;
use crate::zmtp::{self, Version};

/// How a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    Http,
    Zmtp,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Lost {
    /// Nobody was there, so nobody has the request.
    Unsent(io::Error),
    /// Whoever was there may have taken it, and may still do it.
    Unanswered(io::Error),
}

pub(crate) struct Client {
    pub(crate) port: u16,
    pub(crate) limit: Duration,
}

impl Client {
    /// The body of the reply to this request.
    pub(crate) fn ask(&self, speech: Speech, request: &[u8]) -> Result<Vec<u8>, Lost> {
        match speech {
            Speech::Http => {
                let head = format!(
                    "POST / HTTP/1.1\r\nHost: registry\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                    request.len()
                );
                self.converse(&[head.as_bytes(), request].concat(), http_body)
            }
            // The one version in which a peer may say all at once.
            Speech::Zmtp => self.converse(&zmtp::blurt(Version::V2_0, &[b"", request]), zmtp_body),
        }
    }

    /// The body of the answer to a GET.
    pub(crate) fn get(&self, path: &str) -> Result<Vec<u8>, Lost> {
        self.converse(format!("GET {path} HTTP/1.1\r\nHost: registry\r\n\r\n").as_bytes(), http_body)
    }

    fn converse(&self, words: &[u8], body: fn(&[u8]) -> Option<Vec<u8>>) -> Result<Vec<u8>, Lost> {
        let end = Instant::now() + self.limit;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let stream = TcpStream::connect_timeout(&address, self.limit).map_err(Lost::Unsent)?;
        listen_until(&stream, end, words, body).map_err(Lost::Unanswered)
    }
}

fn listen_until(
    mut stream: &TcpStream,
    end: Instant,
    words: &[u8],
    body: fn(&[u8]) -> Option<Vec<u8>>,
) -> io::Result<Vec<u8>> {
    let left = || Some(end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)));
    stream.set_nodelay(true)?;
    stream.set_write_timeout(left())?;
    stream.write_all(words)?;
    let (mut heard, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        stream.set_read_timeout(left())?;
        match stream.read(&mut buffer)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            length => heard.extend_from_slice(&buffer[..length]),
        }
        if let Some(body) = body(&heard) {
            return Ok(body);
        }
        if Instant::now() >= end {
            return Err(ErrorKind::TimedOut.into());
        }
    }
}

/// The body of a whole HTTP answer.
fn http_body(heard: &[u8]) -> Option<Vec<u8>> {
    let (head, body) = answer::split_head(heard)?;
    let length = answer::content_length(head)?;
    body.get(..length).map(<[u8]>::to_vec)
}

/// The one frame of a reply, behind what a REP peer of ZMTP 2.0 says before it.
fn zmtp_body(heard: &[u8]) -> Option<Vec<u8>> {
    /// Signature, revision and socket type.
    const GREETING: usize = 12;
    let (_identity, rest) = frame(heard.get(GREETING..)?)?;
    let (_delimiter, rest) = frame(rest)?;
    Some(frame(rest)?.0.to_vec())
}

fn frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    const LONG: u8 = 2;
    let (flags, rest) = bytes.split_first()?;
    let (length, rest) = match flags & LONG {
        0 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        _ => {
            let (length, rest) = rest.split_first_chunk::<8>()?;
            (usize::try_from(u64::from_be_bytes(*length)).ok()?, rest)
        }
    };
    rest.split_at_checked(length)
}
