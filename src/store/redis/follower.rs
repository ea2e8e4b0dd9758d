//! The thread that keeps the mirror like Redis: it connects, subscribes to changes, reads all records, and from then on
//! fetches what it is told has changed. Whatever goes wrong ends one round; the next one begins with new connections and the
//! same mirror. Nothing is repaired in place, and nobody else connects.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::fetch::{BATCH, Reader, Strangers};
use super::lookout::Lookout;
use super::news::Phase;
use super::way::{Way, first_master};
use super::{Reads, Shared};
use crate::link::subscription::{Subscription, Tracking};
use crate::link::url::Place;
use crate::link::{Failure, Link};
use crate::quote::count;

/// What the follower's own connections may take for an answer.
const LIMIT: Duration = Duration::from_millis(500);
/// What a request may wait for Redis.
const REQUEST_LIMIT: Duration = Duration::from_millis(400);
/// How often a PING is sent while lookups come…
const BUSY: Duration = Duration::from_millis(300);
/// …and while none do.
const IDLE: Duration = Duration::from_secs(5);
/// How long it rests behind a fetch, unless somebody waits.
const REST: Duration = Duration::from_millis(10);
/// How long it rests between batches of one fetch.
const BREATH: Duration = Duration::from_micros(200);
/// How often replicas are looked for while there are too few.
const PROBE: Duration = Duration::from_millis(200);
/// How long it waits before it connects again, at first.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// A round that lasted so long was a good one.
const LASTING: Duration = Duration::from_secs(5);

/// How many reasons of one outage are told.
const REASONS: usize = 5;

pub(super) struct Follower {
    pub(super) shared: Arc<Shared>,
    pub(super) way: Way,
    pub(super) strangers: Strangers,
    /// When something was last fetched.
    pub(super) fetched: Instant,
    /// When a PING was last sent.
    pub(super) pinged: Instant,
    /// What was told of the outage there is.
    pub(super) told: Vec<Failure>,
    /// Whether it was told that the server doesn't track keys.
    pub(super) told_untracked: bool,
    /// Whether it was told that all records have been read.
    pub(super) greeted: bool,
}

/// The connections of one round that are the follower's own.
struct Round {
    reader: Link,
    /// The subscription's socket, to wait on; none where the server doesn't track keys.
    told: Option<OwnedFd>,
    /// Tells of another master, where sentinels know who that is.
    lookout: Lookout,
    /// When replicas were last looked for.
    probed: Instant,
    /// When the connections that may have nothing to do were last used by the follower.
    kept: Instant,
}

impl Follower {
    pub(super) fn follow(mut self) -> ! {
        let mut wait = FIRST_WAIT / 2;
        let mut since = None;
        loop {
            let began = Instant::now();
            let failure = match self.round(&mut since) {
                Ok(never) => match never {},
                Err(failure) => failure,
            };
            // One that fails as soon as all is read again is no better than one that fails before.
            let lasted = since.is_none() && began.elapsed() >= LASTING;
            wait = if lasted { FIRST_WAIT } else { (wait * 2).min(self.way.longest_wait()) };
            self.leave(&failure, &mut since);
            std::thread::sleep(wait.mul_f64(0.75 + 0.5 * jitter()));
            self.shared.reach.bells.hush();
        }
    }

    /// What went wrong is told once: first that a connection ended, most often, and then what keeps it from coming back. Each
    /// further try that fails is told only to whoever debugs.
    fn leave(&mut self, failure: &Failure, since: &mut Option<Instant>) {
        self.shared.write_down();
        let Shared { reach, mirror, place, reads, .. } = &*self.shared;
        let known = mirror.is_complete();
        reach.close(failure.to_string());
        if since.is_none() {
            *since = Some(Instant::now());
            self.told.clear();
        }
        let first = self.told.is_empty();
        if self.told.len() >= REASONS || self.told.iter().any(|told| told.is_like(failure)) {
            return log::debug!("{place} is still out of reach: {failure}");
        }
        self.told.push(failure.clone());
        match known && *reads == Reads::Mirror {
            _ if !first => log::warn!("{place} is still out of reach: {failure}"),
            true => log::warn!(
                "{place} is out of reach: {failure}; lookups are answered from the {} known, registrations are refused",
                count(mirror.agents(), "record")
            ),
            false => log::warn!(
                "{place} is out of reach: {failure}; lookups and registrations are refused until it answers"
            ),
        }
    }

    fn round(&mut self, since: &mut Option<Instant>) -> Result<std::convert::Infallible, Failure> {
        let mut round = self.connect()?;
        loop {
            let era = self.load(&mut round)?;
            self.shared.reach.go_on(Phase::Live)?;
            self.arrived(since.take());
            while self.shared.mirror.era() == era {
                self.wait(&mut round)?;
                self.tend(&mut round)?;
                self.fetch(&mut round, era)?;
                if round.told.is_none() && self.shared.reach.wanted().is_some() {
                    self.shared.mirror.begin_era(false);
                }
            }
            // Everything has changed, or nobody tells of changes and a list is wanted.
            self.shared.reach.go_on(Phase::Loading)?;
        }
    }

    fn arrived(&mut self, since: Option<Instant>) {
        let Shared { mirror, place, .. } = &*self.shared;
        let records = count(mirror.agents(), "record");
        match since {
            Some(since) => {
                log::info!("{place} is back after {} s: {records}", since.elapsed().as_secs())
            }
            None if !self.greeted => log::info!("{place}: {records}"),
            None => log::debug!("{place} was read again: {records}"),
        }
        self.greeted = true;
    }

    fn connect(&mut self) -> Result<Round, Failure> {
        let password = self.way.password()?;
        let tls = self.way.tls()?;
        let (places, watches) = self.way.masters(tls.as_ref(), LIMIT)?;
        let open_at =
            |place: &Place, limit| Link::open(&self.way.url, place, password.as_ref(), tls.as_ref(), limit);
        let (place, first) = first_master(places, |place| open_at(place, LIMIT))?;
        let open = |limit| open_at(&place, limit);
        let subscription = match Subscription::open(first, self.shared.keys.prefix())? {
            Tracking::On(subscription) => Some(subscription),
            Tracking::Refused(failure) => {
                if !self.told_untracked {
                    log::warn!(
                        "{} does not tell of changes ({failure}): each lookup asks it",
                        self.shared.place
                    );
                }
                self.told_untracked = true;
                None
            }
        };
        let failed = |error: std::io::Error| Failure::Io(error.to_string());
        let told = subscription.as_ref().map(|subscription| subscription.as_fd().try_clone_to_owned());
        let told = told.transpose().map_err(failed)?;
        let (reader, connected) = (open(LIMIT)?, Instant::now());
        let requests = open(REQUEST_LIMIT)?;
        let lookout = Lookout::over(place, watches, &self.way);
        let mut round = Round { reader, told, lookout, probed: connected, kept: connected };
        let replicas = self.shared.count_replicas(&mut round.reader)?;
        // Before anybody can ask: what was known until now may have changed without a word.
        self.shared.mirror.begin_era(false);
        self.shared.reach.open(requests, subscription);
        self.shared.refuse_without(replicas);
        self.ping()?;
        Ok(round)
    }

    /// Reads all records in the present era, which it gives. What is told meanwhile is marked, and fetched afterwards.
    fn load(&mut self, round: &mut Round) -> Result<u32, Failure> {
        loop {
            let began = Instant::now();
            let era = self.shared.mirror.era();
            let mut cursor = 0;
            loop {
                let (next, names) = self.reading(round, |reader| reader.scan(cursor))?;
                // Among many keys of others a step may show no name at all, and takes its time all the same.
                self.tend(round)?;
                self.fetch_names(round, names, era)?;
                cursor = next;
                if cursor == 0 || self.shared.mirror.era() != era {
                    break;
                }
            }
            self.shared.mirror.mark_unseen();
            if self.fetch(round, era)? {
                self.shared.complete();
                if round.told.is_none() {
                    self.shared.reach.hear(began);
                }
                return Ok(era);
            }
        }
    }

    /// Fetches what is marked by now. False where another era has begun meanwhile, and there is no use in going on.
    fn fetch(&mut self, round: &mut Round, era: u32) -> Result<bool, Failure> {
        let batch = self.shared.mirror.take_marked();
        if batch.era != era {
            return Ok(false);
        }
        if !batch.names.is_empty() {
            self.fetch_names(round, batch.names, batch.era)?;
            self.fetched = Instant::now();
        }
        self.shared.reach.settle(batch.marks);
        Ok(true)
    }

    fn fetch_names(&mut self, round: &mut Round, names: Vec<Box<str>>, era: u32) -> Result<(), Failure> {
        for (batch, names) in names.chunks(BATCH).enumerate() {
            if batch > 0 {
                // Else all records together would take a processor from lookups for as long as they are read.
                std::thread::sleep(BREATH);
            }
            let answers = self.reading(round, |reader| reader.fetch(names))?;
            self.shared.note(era, answers);
            self.tend(round)?;
        }
        Ok(())
    }

    fn reading<T>(
        &mut self,
        round: &mut Round,
        read: impl FnOnce(&mut Reader<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let reach = &self.shared.reach;
        let mut reader = Reader {
            link: &mut round.reader,
            keys: &self.shared.keys,
            strangers: &mut self.strangers,
            now: &|| reach.now(),
        };
        read(&mut reader)
    }

    /// Takes in what was told, and sees to it that what is known stays fresh.
    fn tend(&mut self, round: &mut Round) -> Result<(), Failure> {
        self.shared.take_in();
        self.shared.write_down();
        let reach = &self.shared.reach;
        if let Some(failure) = reach.take_lost() {
            return Err(failure);
        }
        round.lookout.tend(&self.way, LIMIT)?;
        if reach.writes.is_short() && round.probed.elapsed() >= PROBE {
            let replicas = self.shared.count_replicas(&mut round.reader)?;
            self.shared.refuse_without(replicas);
            round.probed = Instant::now();
        }
        if round.kept.elapsed() >= IDLE {
            self.keep(round)?;
        }
        let now = Instant::now();
        match reach.waits_since() {
            Some(sent) if now.saturating_duration_since(sent) >= LIMIT => return Err(Failure::Silent(LIMIT)),
            _ => {}
        }
        if reach.wanted().is_some_and(|wanted| self.pinged < wanted) || now >= self.pinged + self.pause() {
            self.ping()?;
        }
        Ok(())
    }

    /// A Redis with a `timeout` closes connections that nobody uses, and the next request would pay for that. And a master
    /// that is made a replica by hand tells nobody.
    fn keep(&self, round: &mut Round) -> Result<(), Failure> {
        round.kept = Instant::now();
        round.reader.check_role()?;
        self.shared.reach.keep();
        Ok(())
    }

    /// How long after one PING the next one is sent, as it looks now.
    fn pause(&self) -> Duration {
        if self.shared.reach.freshness.is_asked() { BUSY } else { IDLE }
    }

    fn ping(&mut self) -> Result<(), Failure> {
        self.shared.reach.freshness.forget_asked();
        self.pinged = Instant::now();
        self.shared.reach.ping(self.pinged)
    }

    /// Waits until something is told, somebody rings, or a PING is due or overdue. Between two fetches it rests for a moment:
    /// of what changes often, several changes are fetched at once.
    fn wait(&mut self, round: &mut Round) -> Result<(), Failure> {
        let reach = &self.shared.reach;
        let [bell, alarm] = reach.bells.both();
        sleep(&mut [PollFd::new(alarm, PollFlags::IN)], self.fetched + REST);
        let due = self.pinged + self.pause();
        let overdue = reach.waits_since().map(|sent| sent + LIMIT);
        let probe = reach.writes.is_short().then(|| round.probed + PROBE);
        let mut waits = vec![PollFd::new(bell, PollFlags::IN), PollFd::new(alarm, PollFlags::IN)];
        waits.extend(round.told.as_ref().map(|told| PollFd::new(told, PollFlags::IN)));
        waits.extend(round.lookout.watches.iter().map(|watch| PollFd::new(watch, PollFlags::IN)));
        sleep(&mut waits, [overdue, probe].into_iter().flatten().fold(due, Instant::min));
        reach.bells.hush();
        Ok(())
    }
}

/// Until `end`, or until one of these has something to read.
fn sleep(waits: &mut [PollFd<'_>], end: Instant) {
    let left = end.saturating_duration_since(Instant::now());
    // A signal, or a time that no clock has, is no more than a look too many.
    let _ = Timespec::try_from(left).map(|left| poll(waits, Some(&left)));
}

/// Between 0 and 1: instances that lost the same Redis don't come back all at once.
fn jitter() -> f64 {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    f64::from(nanos.subsec_nanos() % 1_000_000) / 1e6
}
