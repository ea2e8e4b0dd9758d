//! Agents as libzmq's own clients see the registry: a REQ socket and a DEALER socket, each with a deadline. They know
//! addresses and frames, and nothing of what is asked.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::process::DEADLINE;

/// One for the whole test binary: a context costs two threads.
static CONTEXT: LazyLock<zmq::Context> = LazyLock::new(zmq::Context::new);

/// A REQ client.
pub(crate) struct Agent {
    socket: zmq::Socket,
}

impl Agent {
    pub(crate) fn connect(port: u16) -> Agent {
        Agent::connect_to(&format!("tcp://127.0.0.1:{port}"))
    }

    pub(crate) fn connect_v6(port: u16) -> Agent {
        Agent::connect_to(&format!("tcp://[::1]:{port}"))
    }

    pub(crate) fn connect_to(endpoint: &str) -> Agent {
        Agent { socket: socket(zmq::REQ, endpoint) }
    }

    /// Under this ZMQ identity, and over one connection: it never comes back by itself, to take it from another.
    pub(crate) fn connect_as(port: u16, identity: &[u8]) -> Agent {
        let socket = unconnected(zmq::REQ);
        socket.set_identity(identity).unwrap();
        socket.set_reconnect_ivl(-1).unwrap();
        socket.connect(&format!("tcp://127.0.0.1:{port}")).unwrap();
        Agent { socket }
    }

    /// One request, one reply of one frame.
    pub(crate) fn ask(&self, request: impl AsRef<[u8]>) -> Vec<u8> {
        let request = request.as_ref();
        self.try_ask(request, DEADLINE).unwrap_or_else(|| panic!("no reply to {}", shown(request)))
    }

    /// One request that may get no reply; the socket is of no use afterwards if there was none.
    pub(crate) fn try_ask(&self, request: impl AsRef<[u8]>, within: Duration) -> Option<Vec<u8>> {
        let request = request.as_ref();
        self.socket.send(request, 0).unwrap();
        let mut frames = receive(&self.socket, within)?;
        assert_eq!(frames.len(), 1, "a reply of one frame to {}: {frames:?}", shown(request));
        frames.pop()
    }

    /// One request of several frames.
    pub(crate) fn ask_frames(&self, request: &[&[u8]]) -> Vec<u8> {
        self.socket.send_multipart(request, 0).unwrap();
        let frames = receive(&self.socket, DEADLINE).unwrap_or_else(|| panic!("no reply to {request:?}"));
        assert_eq!(frames.len(), 1, "a reply of one frame to {request:?}: {frames:?}");
        frames.concat()
    }

    pub(crate) fn json(&self, request: Value) -> Value {
        let reply = self.ask(request.to_string());
        serde_json::from_slice(&reply)
            .unwrap_or_else(|e| panic!("not JSON: {e}: {} in reply to {request}", shown(&reply)))
    }
}

/// A DEALER client: it may send on before it has read.
pub(crate) struct Dealer {
    socket: zmq::Socket,
}

impl Dealer {
    pub(crate) fn connect(port: u16) -> Dealer {
        Dealer { socket: socket(zmq::DEALER, &format!("tcp://127.0.0.1:{port}")) }
    }

    /// Sends these frames after the empty delimiter.
    pub(crate) fn send(&self, frames: &[&[u8]]) {
        self.send_bare(&[&[&b""[..]], frames].concat());
    }

    /// Sends these frames and nothing else.
    pub(crate) fn send_bare(&self, frames: &[&[u8]]) {
        self.socket.send_multipart(frames, 0).unwrap();
    }

    /// The next reply, without its delimiter.
    pub(crate) fn receive(&self) -> Vec<u8> {
        let frames = receive(&self.socket, DEADLINE).expect("a reply within the deadline");
        assert_eq!(frames.len(), 2, "a delimiter and one frame: {frames:?}");
        assert!(frames[0].is_empty(), "the delimiter is empty: {frames:?}");
        frames.into_iter().nth(1).unwrap()
    }
}

/// A REQ client whose connection is watched, so that its end is an event and not a silence.
pub(crate) struct Watched {
    // Dropped first: its end must not wait for the events.
    agent: Agent,
    events: zmq::Socket,
}

impl Watched {
    pub(crate) fn connect(port: u16) -> Watched {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let address = format!("inproc://watched-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let socket = unconnected(zmq::REQ);
        let disconnected = i32::from(zmq::SocketEvent::DISCONNECTED.to_raw());
        socket.monitor(&address, disconnected).unwrap();
        let events = CONTEXT.socket(zmq::PAIR).unwrap();
        events.set_linger(0).unwrap();
        events.connect(&address).unwrap();
        socket.connect(&format!("tcp://127.0.0.1:{port}")).unwrap();
        Watched { agent: Agent { socket }, events }
    }

    /// One request, and its reply; `None` where the connection ends before there is one.
    pub(crate) fn ask(&self, request: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        self.agent.socket.send(request.as_ref(), 0).unwrap();
        let mut sources =
            [self.agent.socket.as_poll_item(zmq::POLLIN), self.events.as_poll_item(zmq::POLLIN)];
        let within = i64::try_from(DEADLINE.as_millis()).unwrap();
        assert!(zmq::poll(&mut sources, within).unwrap() > 0, "no reply, and no end");
        sources[0].is_readable().then(|| receive(&self.agent.socket, DEADLINE).unwrap().remove(0))
    }

    /// Sends this, for which the registry drops the connection.
    pub(crate) fn is_dropped_for(&self, request: &[u8]) {
        self.agent.socket.send(request, 0).unwrap();
        let mut sources =
            [self.agent.socket.as_poll_item(zmq::POLLIN), self.events.as_poll_item(zmq::POLLIN)];
        zmq::poll(&mut sources, i64::try_from(DEADLINE.as_millis()).unwrap()).unwrap();
        let (replied, dropped) = (sources[0].is_readable(), sources[1].is_readable());
        assert!(!replied, "a reply to {} bytes: {:?}", request.len(), self.agent.socket.recv_bytes(0));
        assert!(dropped, "the connection outlived {} bytes", request.len());
    }
}

fn socket(kind: zmq::SocketType, endpoint: &str) -> zmq::Socket {
    let socket = unconnected(kind);
    socket.set_ipv6(endpoint.contains('[')).unwrap();
    socket.connect(endpoint).unwrap_or_else(|e| panic!("cannot connect to {endpoint}: {e}"));
    socket
}

fn unconnected(kind: zmq::SocketType) -> zmq::Socket {
    let socket = CONTEXT.socket(kind).unwrap();
    socket.set_linger(0).unwrap();
    socket.set_sndtimeo(i32::try_from(DEADLINE.as_millis()).unwrap()).unwrap();
    socket
}

fn receive(socket: &zmq::Socket, within: Duration) -> Option<Vec<Vec<u8>>> {
    socket.set_rcvtimeo(i32::try_from(within.as_millis()).unwrap()).unwrap();
    match socket.recv_multipart(0) {
        Ok(frames) => Some(frames),
        Err(zmq::Error::EAGAIN) => None,
        Err(e) => panic!("cannot receive: {e}"),
    }
}

/// Bytes as a person can read them, cut where they would fill the screen.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(400)];
    let rest = bytes.len() - cut.len();
    let more = if rest > 0 { format!(" … and {rest} bytes more") } else { String::new() };
    format!("\"{}\"{more}", cut.escape_ascii())
}
