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
