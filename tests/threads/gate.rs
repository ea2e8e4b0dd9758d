//! A gate between its threads: clients connect and speak, libzmq's I/O thread takes what comes, the door's thread sweeps,
//! and the signals' thread ends the listening in the midst of it.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use service_registry::admission::{Admission, Limits};
use service_registry::counters::Counters;
use service_registry::handoff::{Arrival, Gate, Notice};
use service_registry::slots::Slots;

use crate::{DEADLINE, THREADS};

/// Connections of a client; all of them together fit into the queue of one listener.
const EACH: usize = 18;
/// How often all of it is done.
const TIMES: usize = 20;
/// What they say first, in turn, so that any of them may be the last to speak: a ZMTP greeting's first byte, a letter of
/// HTTP, and what begins neither.
const FIRST: [u8; 3] = [0xFF, b'G', 0x16];

/// Everything that came out of the gate. Kept, as a connection that is closed early would be seen as gone.
#[derive(Default)]
struct Taken {
    zmtp: Mutex<Vec<OwnedFd>>,
    http: Mutex<Vec<Arrival>>,
}

impl Taken {
    fn counts(&self) -> (usize, usize) {
        (self.zmtp.lock().unwrap().len(), self.http.lock().unwrap().len())
    }
}

fn open(taken: &Arc<Taken>) -> (Arc<Gate>, Arc<Slots>, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let told = Arc::clone(taken);
    let notify = Box::new(move |notice| {
        if let Notice::Http(arrival) = notice {
            told.http.lock().unwrap().push(arrival);
        }
    });
    // Of the places at the door an address has half at most: so many that nobody is refused, however many are silent.
    let all = 2 * THREADS * EACH;
    let limits = Limits { all, per_address: all, peers: all, reserve: 1 };
    let counters: Arc<Counters> = Arc::default();
    let admission = Admission::new("registry", None, limits, Arc::clone(&counters));
    let slots = Arc::clone(admission.slots());
    (Gate::open(vec![listener], admission, counters, notify).unwrap(), slots, address)
}

/// As libzmq's thread does: waits until the gate is readable, and takes what it gives. Never done.
fn take(gate: &Gate, taken: &Taken) -> bool {
    let readiness = gate.readiness();
    let mut ready = [PollFd::new(&readiness, PollFlags::IN)];
    let _ = poll(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 10_000_000 }));
    if let Ok(stream) = gate.next() {
        taken.zmtp.lock().unwrap().push(stream);
    }
    false
}

/// Whether all have been let in, and those who spoke at once have been sorted. A third of them speaks neither protocol, and
/// has no slot any more.
fn one_half_is_silent(gate: &Gate, taken: &Taken, slots: &Slots) -> bool {
    let third = THREADS * EACH / 2 / 3;
    let closed = gate.counters().bad_requests.get() as usize;
    (taken.counts(), closed, slots.open()) == ((third, third), third, THREADS * EACH - third)
}

/// One half speaks at once, the other when all have connected; then the listening ends as well.
fn client(client: usize, address: SocketAddr, all_are_here: &Barrier) -> Vec<TcpStream> {
    let mut streams: Vec<TcpStream> = (0..EACH).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut speak = |half: usize| {
        for (number, stream) in streams.iter_mut().enumerate().filter(|(number, _)| number / 3 % 2 == half) {
            stream.write_all(&[FIRST[(number + client) % 3]]).unwrap();
        }
    };
    speak(0);
    all_are_here.wait();
    speak(1);
    streams
}

#[test]
fn everyone_who_came_before_the_stop_goes_one_way() {
    // What can go wrong at the end of it has one chance each time.
    (0..TIMES).for_each(|time| come_and_stop(time % 2 == 0));
}

/// The stop finds nobody taken yet, or everybody let in and one half still silent; in between, the scheduler decides.
fn come_and_stop(all_are_let_in: bool) {
    let taken = Arc::new(Taken::default());
    let (gate, slots, address) = open(&taken);
    let (all_are_here, over) = (Barrier::new(THREADS + 2), AtomicBool::new(false));
    // A sweep at this instant finds nobody overdue, however slow the machine.
    let start = Instant::now();
    let is_over = || over.load(Ordering::Relaxed) || start.elapsed() > DEADLINE;
    let wait_until = |condition: &dyn Fn() -> bool| {
        while !condition() && !is_over() {
            thread::yield_now();
        }
    };
    let expected = (THREADS * EACH / 3, THREADS * EACH / 3);
    thread::scope(|scope| {
        scope.spawn(|| {
            if all_are_let_in {
                wait_until(&|| take(&gate, &taken) || one_half_is_silent(&gate, &taken, &slots));
            }
            all_are_here.wait();
            wait_until(&|| take(&gate, &taken));
        });
        scope.spawn(|| wait_until(&|| gate.sweep(start).is_some_and(|deadline| deadline < start)));
        let clients: Vec<_> = (0..THREADS)
            .map(|number| {
                scope.spawn({
                    let barrier = &all_are_here;
                    move || client(number, address, barrier)
                })
            })
            .collect();
        all_are_here.wait();
        gate.stop_listening();
        wait_until(&|| gate.is_quiet());
        // The door ends as soon as its gates are quiet and its inbox is empty, so by now the inbox must have them all.
        let http = taken.counts().1;
        wait_until(&|| taken.counts() == expected);
        over.store(true, Ordering::Relaxed);
        let streams: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        assert!(streams.iter().all(Result::is_ok), "{streams:?}");
        assert_eq!(
            (http, gate.is_quiet(), gate.counters().refused.get()),
            (expected.1, true, 0),
            "HTTP when the gate became quiet, and still is; refused"
        );
    });
    assert_eq!(taken.counts(), expected, "ZMTP, HTTP");
}
