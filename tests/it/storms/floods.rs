//! Peers that take memory: those that ask and never read, those that send or read a byte at a time. They can do without
//! being answered; whether others can is for others to say.

use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::crowd::come;
use super::footprint::SLOWEST;
use crate::handoff::zmtp::{self, Peer, Version};
use crate::raw::Raw;
use crate::registry::Registry;

pub(crate) const LIST: &str = r#"{"action":"list_agents"}"#;
/// The most that a request may have.
const LARGEST: usize = 128 * 1024;
/// As little as the kernel receives for a client that does not read, so that the rest stays with the daemon.
const SMALL_BUFFER: usize = 4096;
/// Between two words of a deaf peer, so that it is quiet for most of the time.
const SELDOM: Duration = Duration::from_millis(500);
/// How many bytes a slow writer keeps to be sent one by one.
const KEPT: usize = 10_000;

/// A request that is as large as it may be, in a field that nobody looks at.
pub(crate) fn padded(request: &str) -> Vec<u8> {
    let start = format!(r#"{},"request_id":""#, request.strip_suffix('}').expect("an object"));
    let padding = "x".repeat(LARGEST - start.len() - 2);
    format!(r#"{start}{padding}"}}"#).into_bytes()
}

/// Sends what can be sent without waiting; whether the other side has ended the connection.
fn has_ended(client: &Raw, bytes: &[u8]) -> bool {
    let sent = send(client.stream(), bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    sent.is_err_and(|error| error != Errno::AGAIN)
}

/// A peer that has asked and read nothing, not one byte after the handshake.
pub(crate) struct Deaf {
    connection: Raw,
    /// How many requests it has sent.
    pub(crate) asked: usize,
    is_cut: bool,
}

impl Deaf {
    /// So many peers, each of which asks so often, all at the same time.
    pub(crate) fn peers(port: u16, peers: usize, requests: usize, request: &[u8]) -> Vec<Deaf> {
        let request = zmtp::message(Version::V3_1, &[b"", request]);
        thread::scope(|scope| {
            let request = &request;
            let peers: Vec<_> =
                (0..peers).map(|n| scope.spawn(move || Deaf::ask(n, port, requests, request))).collect();
            peers.into_iter().map(|peer| peer.join().unwrap()).collect()
        })
    }

    fn ask(n: usize, port: u16, requests: usize, request: &[u8]) -> Deaf {
        let mut connection = come(n, port);
        set_socket_recv_buffer_size(connection.stream(), SMALL_BUFFER).unwrap();
        Peer::meet(connection.stream(), Version::V3_1);
        // A peer that is cut for its deafness, while it still asks, has asked often enough.
        let asked = (0..requests).take_while(|_| connection.try_send(request).is_ok()).count();
        Deaf { connection, asked, is_cut: asked < requests }
    }

    /// The kernel tells nobody of a connection that it has given up, unless he goes on talking: half an empty frame.
    fn is_cut(&mut self) -> bool {
        self.is_cut = self.is_cut || has_ended(&self.connection, b"\0");
        self.is_cut
    }
}

/// Waits until the daemon has cut all of them.
pub(crate) fn wait_until_cut(registry: &Registry, deaf: &mut [Deaf]) {
    let (mut left, mut asked) = (deaf.len(), Instant::now());
    registry.wait_for(SLOWEST, || {
        if asked.elapsed() > SELDOM {
            asked = Instant::now();
            left = deaf.iter_mut().map(|deaf| usize::from(!deaf.is_cut())).sum();
        }
        if left == 0 { Ok(()) } else { Err(format!("{left} deaf peers are still there")) }
    });
}

fn post(body: &[u8]) -> Vec<u8> {
    let head = "POST / HTTP/1.1\r\nHost: registry\r\nContent-Type: application/json\r\n";
    [format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

/// A client that takes its time. Every other one speaks HTTP.
pub(crate) struct Slow {
    connection: Raw,
    /// What it still has to send, in reverse.
    kept: Vec<u8>,
    speaks_http: bool,
    has_ended: bool,
}

impl Slow {
    /// One that has sent nearly all of the largest request that there can be.
    pub(crate) fn writer(n: usize, port: u16) -> Slow {
        let mut slow = Slow::come(n, port);
        let mut request = slow.in_its_way(&padded(LIST));
        slow.kept = request.split_off(request.len() - KEPT);
        slow.kept.reverse();
        slow.send(&request)
    }

    /// One that has asked for what is too long to be read in a moment.
    pub(crate) fn reader(n: usize, port: u16) -> Slow {
        let slow = Slow::come(n, port);
        let request = slow.in_its_way(LIST.as_bytes());
        slow.send(&request)
    }

    fn come(n: usize, port: u16) -> Slow {
        let connection = come(n, port);
        set_socket_recv_buffer_size(connection.stream(), SMALL_BUFFER).unwrap();
        let speaks_http = n.is_multiple_of(2);
        if !speaks_http {
            Peer::meet(connection.stream(), Version::V3_1);
        }
        Slow { connection, kept: vec![], speaks_http, has_ended: false }
    }

    fn in_its_way(&self, request: &[u8]) -> Vec<u8> {
        if self.speaks_http { post(request) } else { zmtp::message(Version::V3_1, &[b"", request]) }
    }

    fn send(mut self, request: &[u8]) -> Slow {
        // The daemon may have refused it by then.
        self.has_ended = self.connection.try_send(request).is_err();
        self
    }

    /// Sends one byte and reads one.
    fn go_on(&mut self) {
        // Where a connection has been closed, only one that still talks is told so at once.
        let more = if self.speaks_http { Some(b'x') } else { None };
        if let Some(byte) = self.kept.pop().or(more) {
            self.has_ended |= has_ended(&self.connection, &[byte]);
        }
        self.has_ended |= match recv(self.connection.stream(), &mut [0; 1], RecvFlags::DONTWAIT) {
            Ok((count, _)) => count == 0,
            Err(error) => error != Errno::AGAIN,
        };
    }
}

/// Lets them go on until the daemon has sent those away that speak HTTP, as it does after 10 s. How long it bears the
/// others is its own affair.
pub(crate) fn go_on_slowly(registry: &Registry, slow: &mut [Slow]) {
    registry.wait_for(SLOWEST, || {
        slow.iter_mut().filter(|slow| !slow.has_ended).for_each(Slow::go_on);
        match slow.iter().filter(|slow| slow.speaks_http && !slow.has_ended).count() {
            0 => Ok(()),
            left => Err(format!("{left} slow HTTP clients are still there")),
        }
    });
}
