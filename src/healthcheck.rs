//! Asks a registry on this host whether it lives, as a container's health check does: `GET /livez`, once, and the status
//! decides. Knows neither configuration nor what stands in an answer.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// For all of it. The health port answers in less than a millisecond; engines give a check 30 s.
const TIME: Duration = Duration::from_secs(4);
/// A status line is shorter.
const MAX_STATUS_LINE: usize = 256;

/// What the registry at `address` answers, `200 OK`, or why it is not well.
pub fn ask(address: SocketAddr) -> Result<String, String> {
    match status(address) {
        Ok(status) if status.starts_with("200 ") => Ok(status),
        Ok(status) => Err(format!("http://{address}/livez answers {status}")),
        Err(error) => Err(format!("http://{address}/livez does not answer: {error}")),
    }
}

fn status(address: SocketAddr) -> io::Result<String> {
    let deadline = Instant::now() + TIME;
    let left = || match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::Error::new(io::ErrorKind::TimedOut, "timed out")),
        left => Ok(left),
    };
    let mut stream = TcpStream::connect_timeout(&address, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    stream.write_all(
        format!("GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut head = Vec::new();
    let mut part = [0; MAX_STATUS_LINE];
    while !head.contains(&b'\n') && head.len() < MAX_STATUS_LINE {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(read) => head.extend_from_slice(&part[..read]),
            // What a time-out is called differs from system to system.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => left().map(drop)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let head = String::from_utf8_lossy(&head);
    let status = head.lines().next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    status.map(str::to_owned).ok_or_else(|| io::Error::other("what came is no HTTP"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    fn answered(with: &'static [u8]) -> Result<String, String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]);
            stream.write_all(with).unwrap();
        });
        let asked = ask(address).map_err(|error| error.replace(&address.to_string(), "IT"));
        server.join().unwrap();
        asked
    }

    #[test]
    fn only_200_is_well() {
        assert_eq!(answered(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nok"), Ok("200 OK".into()));
        for (bytes, error) in [
            (
                &b"HTTP/1.1 503 Service Unavailable\r\n\r\n"[..],
                "http://IT/livez answers 503 Service Unavailable",
            ),
            (b"\xff\0\0\0", "http://IT/livez does not answer: what came is no HTTP"),
            (b"", "http://IT/livez does not answer: what came is no HTTP"),
            (b"HTTP/1.1 2000 OK\r\n", "http://IT/livez answers 2000 OK"),
        ] {
            assert_eq!(answered(bytes), Err(error.into()));
        }
    }

    #[test]
    fn nobody_there_is_told() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = ask(address).unwrap_err();
        assert!(error.contains("does not answer: Connection refused"), "{error}");
    }
}
