//! Who is master, looked after while a connection stands: word of a switch from any sentinel, and now and then the same question
//! as at the start, asked by a thread of its own. A sentinel that was away is listened to again, and what was told between its
//! answer and the moment from which it was listened to is not missed. Knows no records.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::way::Way;
use crate::link::Failure;
use crate::link::sentinel::Watch;
use crate::link::url::Place;

/// How soon all are asked again behind a start, and how soon again where one isn't listened to.
const FIRST: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_secs(5);

/// What they say: the masters they name, and who tells of another.
type Said = Result<(Vec<Place>, Vec<Watch>), Failure>;

pub(super) struct Lookout {
    /// Who is connected to.
    place: Place,
    pub(super) watches: Vec<Watch>,
    asking: Option<JoinHandle<Said>>,
    /// When all are to be asked again.
    due: Option<Instant>,
}

impl Lookout {
    pub(super) fn over(place: Place, watches: Vec<Watch>, way: &Way) -> Lookout {
        let due = (way.sentinels() > 0).then(|| Instant::now() + FIRST);
        let mut lookout = Lookout { place, watches, asking: None, due };
        lookout.expect();
        lookout
    }

    fn expect(&mut self) {
        if let Place::Tcp(master) = &self.place {
            self.watches.iter_mut().for_each(|watch| watch.expect(master));
        }
    }

    /// Ends the round where another server is master. Waits for nothing.
    pub(super) fn tend(&mut self, way: &Way, limit: Duration) -> Result<(), Failure> {
        way.heed(&mut self.watches)?;
        if self.asking.as_ref().is_some_and(JoinHandle::is_finished) {
            self.take_in()?;
            self.due = Some(Instant::now() + AGAIN).filter(|_| self.watches.len() < way.sentinels());
        }
        if self.asking.is_some() {
            return Ok(());
        }
        if self.watches.len() < way.sentinels() && self.due.is_none() {
            self.due = Some(Instant::now() + AGAIN);
        }
        if self.due.is_some_and(|due| due <= Instant::now()) {
            let way = way.clone();
            let ask = move || way.tls().and_then(|tls| way.masters(tls.as_ref(), limit));
            // Without a thread it is asked the next time.
            self.asking = thread::Builder::new().name("lookout".into()).spawn(ask).ok();
        }
        Ok(())
    }

    /// Who doesn't answer says nothing about the master; its own end does.
    fn take_in(&mut self) -> Result<(), Failure> {
        let said = self.asking.take().and_then(|asking| asking.join().ok());
        let Some(Ok((masters, watches))) = said else { return Ok(()) };
        self.watches = watches;
        self.expect();
        if masters.contains(&self.place) {
            return Ok(());
        }
        Err(Failure::NoMaster("another server is master now".into()))
    }
}
