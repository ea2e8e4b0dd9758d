//! One port's listeners, and the connections that have not spoken yet, behind one epoll instance. libzmq's I/O thread
//! runs [`Gate::next`] whenever the instance is readable; the door's thread runs [`Gate::sweep`] when a deadline is due.
//! ZMTP goes to libzmq, HTTP to the door by a [`Notice`], the rest is closed. Reads nothing: it only peeks.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::mem::{self, MaybeUninit};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketFlags};

use super::peers;
use crate::admission::{Admission, Pass};
use crate::announcer::Reminder;
use crate::classify::{Spoken, classify};
use crate::counters::Counters;

/// How long a connection may say nothing. ZMTP peers greet at once, so only port checks and the lost are ever silent.
const FIRST_BYTE: Duration = Duration::from_secs(5);
/// How long one that is past a limit may say nothing: there are few places for those.
const REFUSED_FIRST_BYTE: Duration = Duration::from_secs(1);
/// How long listening pauses when the process is out of descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// How many connections are looked at before libzmq's I/O thread gets back to its other work.
const BATCH: usize = 16;
/// How many of those who have connected are let in at the stop: a listener's queue holds no more.
const LAST: usize = 4096;
/// Event data from here on are silent connections; below are listeners.
const FIRST_SILENT: u64 = 1 << 32;

/// A connection for the door.
pub struct Arrival {
    /// Non-blocking, nothing read from it.
    pub stream: TcpStream,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// Its right to be here.
    pub pass: Pass,
}

/// What the door is told.
pub enum Notice {
    /// A connection that speaks HTTP.
    Http(Arrival),
    /// There is a new deadline for [`Gate::sweep`].
    Deadline,
}

/// How the door is told.
pub(super) type Notify = dyn Fn(Notice) + Send + Sync;

/// One port as libzmq and the door see it.
pub struct Gate {
    epoll: OwnedFd,
    admission: Admission,
    counters: Arc<Counters>,
    pausing: Reminder,
    notify: Arc<Notify>,
    state: Mutex<State>,
}

struct State {
    listeners: Vec<TcpListener>,
    paused_until: Option<Instant>,
    silent: BTreeMap<u64, (Instant, Arrival)>,
    /// The deadlines of `silent`.
    deadlines: BTreeSet<(Instant, u64)>,
    arrivals: u64,
}

impl Gate {
    /// A gate over non-blocking `listeners` that lets in whom `admission` does, and tells `notify` of what isn't ZMTP.
    pub fn open(
        listeners: Vec<TcpListener>,
        admission: Admission,
        counters: Arc<Counters>,
        notify: Box<dyn Fn(Notice) + Send + Sync>,
    ) -> Result<Arc<Gate>, Errno> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let (silent, deadlines) = Default::default();
        let state = State { listeners, paused_until: None, silent, deadlines, arrivals: FIRST_SILENT };
        state.listen(epoll.as_fd())?;
        let (pausing, state, notify) = (Reminder::default(), Mutex::new(state), Arc::from(notify));
        Ok(Arc::new(Gate { epoll, admission, counters, pausing, notify, state }))
    }

    /// The descriptor that is readable when [`next`](Gate::next) has something to do.
    pub fn readiness(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// Where what happens to the gate's connections is counted.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    pub(super) fn notify(&self) -> &Arc<Notify> {
        &self.notify
    }

    /// The next connection for libzmq, or the error that makes libzmq come back later: AGAIN, MFILE, NFILE, NOBUFS or
    /// NOMEM, all of which it takes in its stride.
    pub fn next(&self) -> Result<OwnedFd, Errno> {
        for _ in 0..BATCH {
            if let Some(stream) = self.step()? {
                return Ok(stream);
            }
        }
        Err(Errno::AGAIN)
    }

    /// Takes one event. `Ok(None)`: it was nothing for libzmq, there may be more.
    fn step(&self) -> Result<Option<OwnedFd>, Errno> {
        let data = self.ready().ok_or(Errno::AGAIN)?;
        let mut state = self.state();
        if data >= FIRST_SILENT {
            let Some(arrival) = state.remove(data) else { return Ok(None) };
            // Should it fail, the next event of it finds nobody, above.
            let _ = epoll::delete(&self.epoll, &arrival.stream);
            let sorted = self.sort(&mut state, arrival);
            if state.is_quiet() {
                // The door waits for this at the stop, and need not wait longer.
                (self.notify)(Notice::Deadline);
            }
            return Ok(sorted);
        }
        let Some(listener) = state.listeners.get(data as usize) else { return Ok(None) };
        match accept(listener) {
            Ok((stream, peer)) => {
                let pass = self.admission.admit(peer.ip());
                Ok(pass.and_then(|pass| self.sort(&mut state, Arrival { stream, peer, pass })))
            }
            Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                state.pause(&self.epoll);
                drop(state);
                self.tell_pause(error);
                Err(error)
            }
            // The connection was gone before it was accepted (accept(2) lists the ways).
            Err(_) => Ok(None),
        }
    }

    fn tell_pause(&self, error: Errno) {
        self.counters.accept_pauses.add();
        (self.notify)(Notice::Deadline);
        self.pausing.warn(Instant::now(), || {
            let milliseconds = PAUSE.as_millis();
            let name = self.admission.name();
            format!("no connection to the {name} port can be accepted ({error}); trying again every {milliseconds} ms")
        });
    }

    fn ready(&self) -> Option<u64> {
        let mut events = [MaybeUninit::<Event>::uninit(); 1];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        let (events, _) = epoll::wait(&self.epoll, &mut events, Some(&now)).ok()?;
        events.first().map(|event| event.data.u64())
    }

    fn sort(&self, state: &mut State, arrival: Arrival) -> Option<OwnedFd> {
        let mut first = [0];
        let spoken = match rustix::net::recv(&arrival.stream, &mut first, RecvFlags::PEEK) {
            Ok((0, _)) => return None,
            Ok((_, count)) => classify(&first[..count.min(1)]),
            Err(Errno::AGAIN | Errno::INTR) => Spoken::Silent,
            Err(_) => return None,
        };
        match spoken {
            Spoken::Zmtp => return self.to_libzmq(arrival),
            Spoken::Http => self.to_door(arrival),
            Spoken::Silent => self.await_first_byte(state, arrival),
            Spoken::Neither => {
                self.counters.bad_requests.add();
                log::debug!("closed {}: it speaks neither ZMTP nor HTTP", arrival.peer);
            }
        }
        None
    }

    fn to_libzmq(&self, arrival: Arrival) -> Option<OwnedFd> {
        let pass = self.admission.becomes_peer(arrival.pass)?;
        let stream = OwnedFd::from(arrival.stream);
        peers::enter(stream.as_fd(), arrival.peer, pass);
        Some(stream)
    }

    fn to_door(&self, arrival: Arrival) {
        let Arrival { stream, peer, pass } = arrival;
        if let Some(pass) = self.admission.comes_to_door(pass) {
            (self.notify)(Notice::Http(Arrival { stream, peer, pass }));
        }
    }

    fn await_first_byte(&self, state: &mut State, arrival: Arrival) {
        let Arrival { stream, peer, pass } = arrival;
        if let Some(pass) = self.admission.comes_to_door(pass) {
            self.watch(state, Arrival { stream, peer, pass });
        }
    }

    fn watch(&self, state: &mut State, arrival: Arrival) {
        let data = state.arrivals;
        state.arrivals += 1;
        if epoll::add(&self.epoll, &arrival.stream, EventData::new_u64(data), EventFlags::IN).is_ok() {
            let patience = if arrival.pass.is_refusal() { REFUSED_FIRST_BYTE } else { FIRST_BYTE };
            state.insert(data, Instant::now() + patience, arrival);
            (self.notify)(Notice::Deadline);
        }
    }

    /// Closes what was silent for too long, listens again after a pause, and says when to come back.
    pub fn sweep(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        while let Some(&(_, data)) = state.deadlines.first().filter(|(deadline, _)| *deadline <= now) {
            let Some(arrival) = state.remove(data) else { continue };
            if !arrival.pass.is_refusal() {
                self.counters.timed_out.add();
                log::debug!("closed {}: it said nothing for {} s", arrival.peer, FIRST_BYTE.as_secs());
            }
        }
        if state.paused_until.is_some_and(|until| until <= now) {
            state.paused_until = None;
            // Out of epoll watches is out of memory: the next sweep tries again.
            if state.listen(self.epoll.as_fd()).is_err() {
                state.pause(&self.epoll);
            }
        }
        let first = state.deadlines.first().map(|(deadline, _)| *deadline);
        first.into_iter().chain(state.paused_until).min()
    }

    /// Stops listening, for good. Who has connected by now came in time: libzmq's thread still sorts them.
    pub fn stop_listening(&self) {
        let mut state = self.state();
        state.paused_until = None;
        for listener in mem::take(&mut state.listeners) {
            // Ends at the first error, which is AGAIN where nobody waits any more; a flood doesn't hold the stop up.
            for (stream, peer) in iter::from_fn(|| accept(&listener).ok()).take(LAST) {
                // Without a place at the door: they all have the port's slots, and have not spoken only because nobody looked.
                if let Some(pass) = self.admission.admit(peer.ip()) {
                    self.watch(&mut state, Arrival { stream, peer, pass });
                }
            }
        }
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.admission.slots().open() == 0
    }

    /// Whether nobody can come any more, and everybody who came has spoken.
    pub fn is_quiet(&self) -> bool {
        self.state().is_quiet()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(listener: &TcpListener) -> Result<(TcpStream, SocketAddr), Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (stream, peer) = rustix::net::acceptfrom_with(listener, flags)?;
    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok()).ok_or(Errno::CONNABORTED)?;
    Ok((stream.into(), peer))
}

impl State {
    fn is_quiet(&self) -> bool {
        self.listeners.is_empty() && self.silent.is_empty()
    }

    fn insert(&mut self, data: u64, deadline: Instant, arrival: Arrival) {
        self.deadlines.insert((deadline, data));
        self.silent.insert(data, (deadline, arrival));
    }

    fn remove(&mut self, data: u64) -> Option<Arrival> {
        let (deadline, arrival) = self.silent.remove(&data)?;
        self.deadlines.remove(&(deadline, data));
        Some(arrival)
    }

    fn listen(&self, epoll: BorrowedFd<'_>) -> Result<(), Errno> {
        for (index, listener) in self.listeners.iter().enumerate() {
            match epoll::add(epoll, listener, EventData::new_u64(index as u64), EventFlags::IN) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A listener that can't be accepted from stays readable and would keep libzmq's I/O thread spinning.
    fn pause(&mut self, epoll: &OwnedFd) {
        for listener in &self.listeners {
            let _ = epoll::delete(epoll, listener);
        }
        self.paused_until = Some(Instant::now() + PAUSE);
    }
}
