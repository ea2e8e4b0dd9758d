//! One port's listeners, and the connections that have not spoken yet, behind one epoll instance. libzmq's I/O thread
//! runs [`Gate::next`] whenever the instance is readable; the door's thread runs [`Gate::sweep`] when a deadline is due.
//! ZMTP goes to libzmq, HTTP to the door by a [`Notice`], the rest is closed. Reads nothing: it only peeks.

use std::collections::BTreeMap;
use std::mem;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketFlags};

use crate::classify::{Spoken, classify};
use crate::slots::{Slot, Slots};

/// How long a connection may say nothing. ZMTP peers greet at once, so only port checks and the lost are ever silent.
const FIRST_BYTE: Duration = Duration::from_secs(5);
/// How long listening pauses when the process is out of descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// How many connections are looked at before libzmq's I/O thread gets back to its other work.
const BATCH: usize = 16;
/// Event data from here on are silent connections; below are listeners.
const FIRST_SILENT: u64 = 1 << 32;

/// A connection for the door.
pub struct Arrival {
    /// Non-blocking, nothing read from it.
    pub stream: TcpStream,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// Its right to be here.
    pub slot: Slot,
}

/// A connection that has spoken, or not yet.
struct Visitor {
    stream: TcpStream,
    peer: SocketAddr,
    /// Taken once it is known not to be ZMTP, so that HTTP clients never keep agents out.
    slot: Option<Slot>,
}

/// What the door is told.
pub enum Notice {
    /// A connection that speaks HTTP.
    Http(Arrival),
    /// There is a new deadline for [`Gate::sweep`].
    Deadline,
}

/// One port as libzmq and the door see it.
pub struct Gate {
    epoll: OwnedFd,
    slots: Arc<Slots>,
    notify: Box<dyn Fn(Notice) + Send + Sync>,
    state: Mutex<State>,
}

struct State {
    listeners: Vec<TcpListener>,
    paused_until: Option<Instant>,
    /// By order of arrival, which is the order of their deadlines.
    silent: BTreeMap<u64, (Instant, Visitor)>,
    arrivals: u64,
}

impl Gate {
    /// A gate over non-blocking `listeners`, which tells `notify` of what isn't ZMTP.
    pub fn open(
        listeners: Vec<TcpListener>,
        slots: Arc<Slots>,
        notify: Box<dyn Fn(Notice) + Send + Sync>,
    ) -> Result<Arc<Gate>, Errno> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let state = State { listeners, paused_until: None, silent: BTreeMap::new(), arrivals: FIRST_SILENT };
        state.listen(epoll.as_fd())?;
        Ok(Arc::new(Gate { epoll, slots, notify, state: Mutex::new(state) }))
    }

    /// The descriptor that is readable when [`next`](Gate::next) has something to do.
    pub fn readiness(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
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
            let Some((_, visitor)) = state.silent.remove(&data) else { return Ok(None) };
            // Should it fail, the next event of it finds nobody, above.
            let _ = epoll::delete(&self.epoll, &visitor.stream);
            let sorted = self.sort(&mut state, visitor);
            if state.is_quiet() {
                // The door waits for this at the stop, and need not wait longer.
                (self.notify)(Notice::Deadline);
            }
            return Ok(sorted);
        }
        let Some(listener) = state.listeners.get(data as usize) else { return Ok(None) };
        match accept(listener) {
            Ok(visitor) => Ok(self.sort(&mut state, visitor)),
            Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                state.pause(&self.epoll);
                drop(state);
                (self.notify)(Notice::Deadline);
                Err(error)
            }
            // The connection was gone before it was accepted (accept(2) lists the ways).
            Err(_) => Ok(None),
        }
    }

    fn ready(&self) -> Option<u64> {
        let mut events = [MaybeUninit::<Event>::uninit(); 1];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        let (events, _) = epoll::wait(&self.epoll, &mut events, Some(&now)).ok()?;
        events.first().map(|event| event.data.u64())
    }

    fn sort(&self, state: &mut State, visitor: Visitor) -> Option<OwnedFd> {
        let mut first = [0];
        let spoken = match rustix::net::recv(&visitor.stream, &mut first, RecvFlags::PEEK) {
            Ok((0, _)) => return None,
            Ok((_, count)) => classify(&first[..count.min(1)]),
            Err(Errno::AGAIN | Errno::INTR) => Spoken::Silent,
            Err(_) => return None,
        };
        match spoken {
            Spoken::Zmtp => return Some(visitor.stream.into()),
            Spoken::Neither => log::debug!("closed {}: it speaks neither ZMTP nor HTTP", visitor.peer),
            Spoken::Http | Spoken::Silent => self.keep(state, visitor, spoken),
        }
        None
    }

    fn keep(&self, state: &mut State, visitor: Visitor, spoken: Spoken) {
        let Visitor { stream, peer, slot } = visitor;
        let Some(slot) = slot.or_else(|| self.slots.take()) else {
            log::debug!("closed {peer}: too many connections that are silent or speak HTTP");
            return;
        };
        if spoken == Spoken::Http {
            (self.notify)(Notice::Http(Arrival { stream, peer, slot }));
            return;
        }
        self.await_first_byte(state, Visitor { stream, peer, slot: Some(slot) });
    }

    fn await_first_byte(&self, state: &mut State, visitor: Visitor) {
        let data = state.arrivals;
        state.arrivals += 1;
        if epoll::add(&self.epoll, &visitor.stream, EventData::new_u64(data), EventFlags::IN).is_ok() {
            state.silent.insert(data, (Instant::now() + FIRST_BYTE, visitor));
            (self.notify)(Notice::Deadline);
        }
    }

    /// Closes what was silent for too long, listens again after a pause, and says when to come back.
    pub fn sweep(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        while let Some(oldest) = state.silent.first_entry().filter(|oldest| oldest.get().0 <= now) {
            let (_, visitor) = oldest.remove();
            log::debug!("closed {}: it said nothing for {} s", visitor.peer, FIRST_BYTE.as_secs());
        }
        if state.paused_until.is_some_and(|until| until <= now) {
            state.paused_until = None;
            // Out of epoll watches is out of memory: the next sweep tries again.
            if state.listen(self.epoll.as_fd()).is_err() {
                state.pause(&self.epoll);
            }
        }
        let first = state.silent.first_key_value().map(|(_, (deadline, _))| *deadline);
        first.into_iter().chain(state.paused_until).min()
    }

    /// Stops listening, for good. Who has connected by now came in time: libzmq's thread still sorts them.
    pub fn stop_listening(&self) {
        let mut state = self.state();
        state.paused_until = None;
        for listener in mem::take(&mut state.listeners) {
            // Ends at the first error, which is AGAIN where nobody waits any more.
            while let Ok(mut visitor) = accept(&listener) {
                visitor.slot = self.slots.take();
                if visitor.slot.is_some() {
                    self.await_first_byte(&mut state, visitor);
                }
            }
        }
    }

    /// Whether nobody can come any more, and everybody who came has spoken.
    pub fn is_quiet(&self) -> bool {
        self.state().is_quiet()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(listener: &TcpListener) -> Result<Visitor, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (stream, peer) = rustix::net::acceptfrom_with(listener, flags)?;
    let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok()).ok_or(Errno::CONNABORTED)?;
    Ok(Visitor { stream: stream.into(), peer, slot: None })
}

impl State {
    fn is_quiet(&self) -> bool {
        self.listeners.is_empty() && self.silent.is_empty()
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
