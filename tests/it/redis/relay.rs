//! A network on loopback: a relay that takes as long for each byte as a longer way would, and that can fall silent, cut
//! its connections, or refuse them. It keeps bytes in order and never looks at them. Bytes under way don't wait for each
//! other: what is sent a millisecond later arrives a millisecond later.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::server::Port;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    ToServer,
    FromServer,
}

/// A relay to one server. Dropping it cuts everything.
pub(crate) struct Relay {
    port: Port,
    shared: Arc<Shared>,
    /// Absent while connections are refused.
    acceptor: Option<Acceptor>,
}

struct Acceptor {
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

struct Shared {
    server: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
    accepted: AtomicUsize,
}

#[derive(Default)]
struct State {
    delay: Duration,
    stalled: [bool; 2],
    /// One connection is silent, both ways.
    held: Option<usize>,
    /// Both ends of each connection, as long as it is relayed.
    open: Vec<(usize, TcpStream, TcpStream)>,
}

/// What was read at one moment, and when it is due on the other side.
struct Piece {
    due: Instant,
    bytes: Vec<u8>,
}

impl Relay {
    pub(crate) fn to(server: SocketAddr) -> Relay {
        Relay::with_delay(server, Duration::ZERO)
    }

    /// Each way takes so long.
    pub(crate) fn with_delay(server: SocketAddr, delay: Duration) -> Relay {
        let state = Mutex::new(State { delay, ..State::default() });
        let shared =
            Arc::new(Shared { server, state, changed: Condvar::new(), accepted: AtomicUsize::new(0) });
        let mut relay = Relay { port: Port::reserve(Ipv4Addr::LOCALHOST.into()), shared, acceptor: None };
        relay.accept_again();
        relay
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The URL of database 0 behind it.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}/0", self.address())
    }

    /// What comes from now on takes so long each way.
    pub(crate) fn set_delay(&self, delay: Duration) {
        self.shared.lock().delay = delay;
    }

    /// Silence this way: connections stay open, new ones are taken, no byte arrives.
    pub(crate) fn stall(&self, way: Way) {
        self.shared.lock().stalled[way as usize] = true;
    }

    /// Silence both ways.
    pub(crate) fn stall_all(&self) {
        self.shared.lock().stalled = [true; 2];
    }

    /// Silence on the one connection that comes to the server from this address.
    pub(crate) fn hold(&self, address: SocketAddr) {
        let mut state = self.shared.lock();
        let found =
            state.open.iter().find(|(.., server)| server.local_addr().is_ok_and(|own| own == address));
        state.held = Some(found.unwrap_or_else(|| panic!("no connection from {address}")).0);
    }

    /// What was held up arrives, and all goes on as before.
    pub(crate) fn flow(&self) {
        let mut state = self.shared.lock();
        (state.stalled, state.held) = ([false; 2], None);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Ends all connections there are.
    pub(crate) fn cut(&self) {
        self.shared.lock().cut();
        self.shared.changed.notify_all();
    }

    /// Ends all connections there are, and refuses further ones as a closed port does.
    pub(crate) fn refuse(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        acceptor.over.store(true, Ordering::SeqCst);
        // It waits for a connection.
        drop(TcpStream::connect(self.address()));
        acceptor.thread.join().unwrap();
        self.cut();
    }

    /// Takes connections again.
    pub(crate) fn accept_again(&mut self) {
        assert!(self.acceptor.is_none(), "it accepts already");
        let listener = TcpListener::bind(self.address()).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let (shared, is_over) = (Arc::clone(&self.shared), Arc::clone(&over));
        let thread = thread::spawn(move || {
            for client in listener.incoming().map(Result::unwrap) {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                shared.relay(client);
            }
        });
        self.acceptor = Some(Acceptor { over, thread });
    }

    /// How many connections it has taken so far.
    pub(crate) fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// How many connections there are.
    pub(crate) fn open(&self) -> usize {
        self.shared.lock().open.len()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.refuse();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Connects to the server, and starts the four threads of one connection.
    fn relay(self: &Arc<Self>, client: TcpStream) {
        let number = self.accepted.fetch_add(1, Ordering::SeqCst);
        // Where the server refuses, the client sees an end.
        let Ok(server) = TcpStream::connect(self.server) else { return };
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
        }
        let clone = |stream: &TcpStream| stream.try_clone().unwrap();
        self.lock().open.push((number, clone(&client), clone(&server)));
        self.pass(Way::ToServer, number, clone(&client), clone(&server));
        self.pass(Way::FromServer, number, server, client);
    }

    fn pass(self: &Arc<Self>, way: Way, number: usize, mut from: TcpStream, to: TcpStream) {
        let (pieces, arriving) = mpsc::channel();
        let shared = Arc::clone(self);
        thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                let due = Instant::now() + shared.lock().delay;
                if pieces.send(Piece { due, bytes: buffer[..length].to_vec() }).is_err() {
                    return;
                }
            }
        });
        let shared = Arc::clone(self);
        thread::spawn(move || shared.deliver(way, number, &arriving, to));
    }

    /// Writes each piece when it is due, and passes on the end.
    fn deliver(&self, way: Way, number: usize, arriving: &Receiver<Piece>, mut to: TcpStream) {
        for Piece { due, bytes } in arriving {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.wait_while_silent(way, number);
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        self.wait_while_silent(way, number);
        self.lock().close(number);
        self.changed.notify_all();
    }

    fn wait_while_silent(&self, way: Way, number: usize) {
        drop(self.changed.wait_while(self.lock(), |state| state.is_silent(way, number)));
    }
}

impl State {
    fn is_silent(&self, way: Way, number: usize) -> bool {
        (self.stalled[way as usize] || self.held == Some(number)) && self.has(number)
    }

    fn has(&self, number: usize) -> bool {
        self.open.iter().any(|(open, ..)| *open == number)
    }

    fn close(&mut self, number: usize) {
        self.open.retain(|(open, client, server)| {
            if *open == number {
                end(client, server);
            }
            *open != number
        });
    }

    fn cut(&mut self) {
        self.open.drain(..).for_each(|(_, client, server)| end(&client, &server));
    }
}

fn end(client: &TcpStream, server: &TcpStream) {
    // Either may have ended already.
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}
