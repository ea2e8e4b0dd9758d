//! What the gates bring to the door: connections that speak HTTP, and word of new deadlines. Any thread puts in, the
//! door's thread takes out and is woken by an eventfd.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use crate::handoff::{Arrival, Notice};
use crate::stop::Waker;

/// The door's inbox.
pub struct Inbox {
    arrivals: Mutex<VecDeque<(usize, Arrival)>>,
    bell: OwnedFd,
}

impl Inbox {
    /// An empty inbox.
    pub fn new() -> Result<Arc<Inbox>, Errno> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Arc::new(Inbox { arrivals: Mutex::default(), bell }))
    }

    /// What the gate of port number `port` is to call.
    pub fn notifier(self: &Arc<Inbox>, port: usize) -> Box<dyn Fn(Notice) + Send + Sync> {
        let inbox = Arc::clone(self);
        Box::new(move |notice| {
            if let Notice::Http(arrival) = notice {
                inbox.arrivals().push_back((port, arrival));
            }
            inbox.ring();
        })
    }

    /// Wakes the door for its stop.
    pub fn waker(self: &Arc<Inbox>) -> Waker {
        let inbox = Arc::clone(self);
        Box::new(move || inbox.ring())
    }

    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Everything that has come.
    pub(super) fn take(&self) -> VecDeque<(usize, Arrival)> {
        // Silenced first: what comes afterwards rings again.
        let _ = rustix::io::read(&self.bell, &mut [0; 8]);
        std::mem::take(&mut *self.arrivals())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.arrivals().is_empty()
    }

    fn ring(&self) {
        // The only failure is a counter that is full, and then it is ringing.
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }

    fn arrivals(&self) -> MutexGuard<'_, VecDeque<(usize, Arrival)>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Admission, Limits};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::fs::File;
    use std::net::{SocketAddr, TcpStream};
    use std::thread;

    const EACH: u16 = 10;
    /// Only the last to come can be left without a ring, so it is done often.
    const TIMES: usize = 500;
    const DEADLINE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

    /// A connection that is told by its peer's port.
    fn arrival(number: u16, admission: &Admission) -> Arrival {
        let stream = TcpStream::from(OwnedFd::from(File::open("/dev/null").expect("/dev/null")));
        let peer = SocketAddr::from(([127, 0, 0, 1], number));
        Arrival { stream, peer, pass: admission.admit(peer.ip()).expect("a pass") }
    }

    #[test]
    fn nobody_is_lost_overtaken_or_left_without_a_ring() {
        (0..TIMES).for_each(|_| fill_and_empty());
    }

    fn fill_and_empty() {
        let inbox = Inbox::new().expect("an inbox");
        let all = 2 * usize::from(EACH);
        let limits = Limits { all, per_address: all, peers: all, reserve: 1 };
        let admission = Admission::new("registry", None, limits, Arc::default());
        let mut taken = [Vec::new(), Vec::new()];
        thread::scope(|scope| {
            for port in [0, 1] {
                let (notify, admission) = (inbox.notifier(port), &admission);
                scope.spawn(move || {
                    (0..EACH).for_each(|number| notify(Notice::Http(arrival(number, admission))))
                });
            }
            while taken.iter().map(Vec::len).sum::<usize>() < 2 * usize::from(EACH) {
                let bell = inbox.bell();
                let mut ready = [PollFd::new(&bell, PollFlags::IN)];
                assert_eq!(poll(&mut ready, Some(&DEADLINE)), Ok(1), "the bell is silent; taken: {taken:?}");
                inbox.take().into_iter().for_each(|(port, arrival)| taken[port].push(arrival.peer.port()));
            }
        });
        assert_eq!(taken, [(0..EACH).collect::<Vec<_>>(), (0..EACH).collect()]);
        assert!(inbox.is_empty());
    }
}
