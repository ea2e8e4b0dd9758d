//! Whether Redis can be asked now, and by what: the two connections that requests use, in which phase the follower is, and
//! what has been heard. The follower gives and takes the connections; a request that finds one dead drops it, and all others
//! are told so. Knows no records.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use redis::{Cmd, Value, cmd};
use rustix::io;

use super::bells::Bells;
use super::freshness::Freshness;
use super::mirror::Millis;
use super::news::{News, Phase};
use super::writes::Writes;
use crate::link::subscription::{Subscription, Told};
use crate::link::{Failure, Link};

/// Tells health in which phase the follower is, since when Redis can be asked or can't, and why it can't.
pub(super) type Tell = Box<dyn Fn(Phase, Instant, &str) + Send + Sync>;

/// See the top of the file.
pub(super) struct Reach {
    started: Instant,
    tell: Tell,
    phase: AtomicU8,
    /// Changes together with `phase`.
    news: Mutex<News>,
    told: Condvar,
    commands: Mutex<Option<Link>>,
    subscription: Mutex<Option<Subscription>>,
    pub(super) freshness: Freshness,
    /// Whether changes are told at all.
    tracked: AtomicBool,
    pub(super) writes: Writes,
    /// Wake the follower.
    pub(super) bells: Bells,
}

impl Reach {
    pub(super) fn new(tell: Tell) -> io::Result<Reach> {
        let started = Instant::now();
        tell(Phase::Connecting, started, "");
        Ok(Reach {
            started,
            tell,
            phase: AtomicU8::new(Phase::Connecting as u8),
            news: Mutex::new(News::new(started)),
            told: Condvar::new(),
            commands: Mutex::default(),
            subscription: Mutex::default(),
            freshness: Freshness::default(),
            tracked: AtomicBool::new(true),
            writes: Writes::default(),
            bells: Bells::new()?,
        })
    }

    /// Notes that something is known before Redis was ever asked.
    pub(super) fn know_already(&self) {
        let mut news = self.news();
        news.complete = true;
        let phase = news.without();
        self.enter(&mut news, phase);
    }

    pub(super) fn phase(&self) -> Phase {
        Phase::ALL[usize::from(self.phase.load(Ordering::Acquire)).min(3)]
    }

    /// The moment on the mirror's clock.
    pub(super) fn now(&self) -> Millis {
        self.started.elapsed().as_millis() as Millis
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why Redis can't be asked, or doesn't take what is written.
    pub(super) fn why(&self) -> String {
        self.news().why.clone()
    }

    /// Asks by the connection that requests have. A connection that fails is dropped for all of them.
    pub(super) fn ask(&self, commands: &[Cmd]) -> Result<Vec<Value>, Failure> {
        let mut slot = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(link) = slot.as_mut() else { return Err(Failure::Io(self.why())) };
        let asked = link.ask_all(commands).and_then(|replies| match replies.iter().find_map(fatal) {
            Some(failure) => Err(failure),
            None => Ok(replies),
        });
        if let Err(failure) = &asked {
            *slot = None;
            drop(slot);
            self.lose(failure.clone());
        }
        asked
    }

    /// Uses the connection that requests have, where none of them does.
    pub(super) fn keep(&self) {
        let idle = self.commands.try_lock().is_ok_and(|slot| slot.is_some());
        if idle {
            // What fails is told by `take_lost`.
            let _ = self.ask(&[cmd("PING")]);
        }
    }

    /// Takes in what Redis has told, without waiting for anything. `each` is what to do about it; gives whether there was
    /// anything.
    pub(super) fn take_in(&self, mut each: impl FnMut(Told)) -> bool {
        let mut slot = self.subscription.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(subscription) = slot.as_mut() else { return false };
        let mut any = false;
        let taken = subscription.take_in(|told| match told {
            Told::UpTo(sent) => self.hear(sent),
            told => {
                any = true;
                each(told);
            }
        });
        if let Err(failure) = taken {
            *slot = None;
            drop(slot);
            self.lose(failure);
        }
        any
    }

    /// Sends a PING, where there is a subscription.
    pub(super) fn ping(&self, now: Instant) -> Result<(), Failure> {
        let mut slot = self.subscription.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_mut().map_or(Ok(()), |subscription| subscription.ping(now))
    }

    /// When the oldest PING was sent that hasn't been answered.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        let slot = self.subscription.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().and_then(Subscription::waits_since)
    }

    /// Notes that all has been told that Redis did until `sent`.
    pub(super) fn hear(&self, sent: Instant) {
        self.freshness.hear(sent.saturating_duration_since(self.started).as_millis() as Millis);
        let mut news = self.news();
        news.heard = news.heard.max(Some(sent));
        self.told.notify_all();
    }

    /// Whether what is known is no older than a mirror may be at `now`, which it never is where nobody tells of changes. Has
    /// the follower see to it that it stays so.
    pub(super) fn is_fresh(&self, now: Millis) -> bool {
        if self.freshness.ask() {
            self.bells.ring();
        }
        self.is_tracked() && self.freshness.is_fresh(now)
    }

    /// Whether that may still be said of what was known when the last connection was lost.
    pub(super) fn was_fresh(&self, now: Millis) -> bool {
        self.is_tracked() && self.freshness.was_fresh(now)
    }

    /// Waits until all is told that Redis did before `moment`; false where that doesn't come by `end`.
    pub(super) fn wait_to_hear(&self, moment: Instant, end: Instant) -> bool {
        let mut news = self.news();
        news.wanted = news.wanted.max(Some(moment));
        drop(news);
        self.bells.alarm();
        self.wait(end, |news| news.heard >= Some(moment))
    }

    /// Waits until all marks up to this one have been fetched; false where that isn't so by `end`.
    pub(super) fn wait_to_settle(&self, marks: u64, end: Instant) -> bool {
        self.bells.alarm();
        self.wait(end, |news| news.settled >= marks)
    }

    fn wait(&self, end: Instant, holds: impl Fn(&News) -> bool) -> bool {
        let mut news = self.news();
        while !holds(&news) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.phase().is_reachable() {
                return false;
            }
            news = self.told.wait_timeout(news, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Waits until all records have been read; false where they haven't by `end`.
    pub(super) fn wait_to_live(&self, end: Instant) -> bool {
        let mut news = self.news();
        while self.phase() == Phase::Loading {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            news = self.told.wait_timeout(news, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.phase() == Phase::Live
    }

    /// Notes that all marks up to this one have been fetched.
    pub(super) fn settle(&self, marks: u64) {
        self.news().settled = marks;
        self.told.notify_all();
    }

    /// Up to when somebody waits to be told, where that hasn't been heard yet.
    pub(super) fn wanted(&self) -> Option<Instant> {
        let news = self.news();
        news.wanted.filter(|_| news.heard < news.wanted)
    }

    /// Opens it to requests.
    pub(super) fn open(&self, commands: Link, subscription: Option<Subscription>) {
        self.news().lost = None;
        let mut slot = self.subscription.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock by which it is heard: nothing that the last one told counts for this one.
        self.freshness.begin();
        self.tracked.store(subscription.is_some(), Ordering::Release);
        *slot = subscription;
        drop(slot);
        *self.commands.lock().unwrap_or_else(PoisonError::into_inner) = Some(commands);
        let mut news = self.news();
        news.why.clear();
        self.writes.begin();
        self.enter(&mut news, Phase::Loading);
    }

    /// Notes that Redis takes nothing that is written, and why; with `short`, that there is no use in trying.
    pub(super) fn refuse(&self, why: String, short: bool) {
        let mut news = self.news();
        if self.phase().is_reachable() && news.why != why {
            news.why = why;
            self.enter(&mut news, self.phase());
        }
        self.writes.refuse(short);
        drop(news);
        if short {
            self.bells.ring();
        }
    }

    /// Notes that it takes what is written.
    pub(super) fn accept(&self) {
        if self.writes.accept() && self.phase().is_reachable() {
            let mut news = self.news();
            news.why.clear();
            self.enter(&mut news, self.phase());
        }
    }

    /// Whether changes are told at all, or each lookup has to ask.
    pub(super) fn is_tracked(&self) -> bool {
        self.tracked.load(Ordering::Acquire)
    }

    /// Notes a further phase, unless a connection has been lost meanwhile.
    pub(super) fn go_on(&self, phase: Phase) -> Result<(), Failure> {
        let mut news = self.news();
        match news.lost.take() {
            Some(failure) => Err(failure),
            None => {
                news.complete |= phase == Phase::Live;
                self.enter(&mut news, phase);
                Ok(())
            }
        }
    }

    fn enter(&self, news: &mut News, phase: Phase) {
        if self.phase().is_reachable() != phase.is_reachable() {
            news.since = Instant::now();
        }
        self.phase.store(phase as u8, Ordering::Release);
        (self.tell)(phase, news.since, &news.why);
        self.told.notify_all();
    }

    /// What a request found dead since this was last called.
    pub(super) fn take_lost(&self) -> Option<Failure> {
        self.news().lost.take()
    }

    /// A request found a connection dead: from now on none is made to wait for it.
    fn lose(&self, failure: Failure) {
        let mut news = self.news();
        if self.phase().is_reachable() {
            news.why = failure.to_string();
            let phase = news.without();
            self.enter(&mut news, phase);
        }
        // Also before it is open to all: who was late with the last connection may have met the next one, and dropped it.
        news.lost = Some(failure);
        drop(news);
        self.bells.alarm();
    }

    /// Takes both connections away; why.
    pub(super) fn close(&self, why: String) {
        let mut news = self.news();
        (news.why, news.lost) = (why, None);
        let phase = news.without();
        self.enter(&mut news, phase);
        drop(news);
        *self.commands.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.subscription.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The failure that a value is which says that the server is of no more use.
fn fatal(value: &Value) -> Option<Failure> {
    match value {
        Value::ServerError(error) => Some(Failure::from_server(error)).filter(Failure::is_fatal),
        _ => None,
    }
}
