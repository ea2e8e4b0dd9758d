//! One request over a connection of its own, blocking: what the benchmark itself asks, where no load is meant.

use std::io::{self, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

use crate::zmtp;

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(5);

/// The reply to `body`.
pub(crate) fn ask(target: SocketAddrV4, body: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(target)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&zmtp::GREETING)?;
    stream.read_exact(&mut [0; zmtp::GREETING.len()])?;
    stream.write_all(&zmtp::ready("REQ"))?;
    let mut request = Vec::new();
    zmtp::put_envelope(body.as_bytes(), &mut request);
    stream.write_all(&request)?;
    read_reply(&mut stream)
}

/// The first frame that is neither a command nor the delimiter.
fn read_reply(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let (mut input, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        while let Some(frame) = zmtp::frame(&input) {
            if !frame.is_command && !frame.more {
                return Ok(frame.body.to_vec());
            }
            let size = frame.size;
            input.drain(..size);
        }
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => input.extend_from_slice(&buffer[..read]),
        }
    }
}
