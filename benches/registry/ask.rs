//! A ZMTP client that blocks: what is asked where no load is meant, one request at a time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::Duration;

use rustix::net::SocketFlags;

use crate::dial::dial;
use crate::zmtp;

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(5);
/// What one read may take: a list of 100,000 names is 1.5 MB.
const BUFFER: usize = 256 * 1024;

/// The reply to `body`, over a connection of its own.
pub(crate) fn ask(target: SocketAddrV4, body: &str) -> io::Result<Vec<u8>> {
    Client::connect(Ipv4Addr::LOCALHOST, target)?.ask(body, &mut buffer())
}

/// A connection that stays, its handshake done.
pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) fn connect(source: Ipv4Addr, target: SocketAddrV4) -> io::Result<Self> {
        let mut stream = dial(source, target, SocketFlags::empty())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&zmtp::GREETING)?;
        stream.read_exact(&mut [0; zmtp::GREETING.len()]).map_err(told)?;
        stream.write_all(&zmtp::ready("REQ"))?;
        Ok(Self(stream))
    }

    /// The reply to `body`: the first frame that is neither a command nor the delimiter.
    pub(crate) fn ask(&mut self, body: &str, buffer: &mut [u8]) -> io::Result<Vec<u8>> {
        let mut request = Vec::new();
        zmtp::put_envelope(body.as_bytes(), &mut request);
        self.0.write_all(&request)?;
        let mut input = Vec::new();
        loop {
            while let Some(frame) = zmtp::frame(&input) {
                if !frame.is_command && !frame.more {
                    return Ok(frame.body.to_vec());
                }
                let size = frame.size;
                input.drain(..size);
            }
            match self.0.read(buffer).map_err(told)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                read => input.extend_from_slice(&buffer[..read]),
            }
        }
    }
}

/// What "resource temporarily unavailable" means here.
fn told(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock => io::Error::other(format!("no answer in {} s", PATIENCE.as_secs())),
        _ => error,
    }
}

/// Room for what a client reads at once; many clients share one.
pub(crate) fn buffer() -> Vec<u8> {
    vec![0; BUFFER]
}
