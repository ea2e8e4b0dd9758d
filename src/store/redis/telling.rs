//! What health is told of Redis, in words for a person. Knows phases and reasons, and asks nobody.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::Reads;
use super::mirror::Mirror;
use super::news::Phase;
use super::reach::Tell;
use crate::health::{Health, Trouble};
use crate::quote::count;

/// What the words are made of.
pub(super) struct Telling {
    pub(super) place: String,
    pub(super) reads: Reads,
    pub(super) mirror: Arc<Mirror>,
    pub(super) health: Arc<Health>,
    /// When the state file was last written, while all that is known is from there.
    pub(super) written: Arc<Mutex<Option<SystemTime>>>,
}

impl Telling {
    /// What health is told of each phase.
    pub(super) fn tell(self) -> Tell {
        Box::new(move |phase, since, why| {
            if phase == Phase::Live {
                *self.written.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            self.health.set_trouble(self.trouble(phase, since, why));
        })
    }

    fn trouble(&self, phase: Phase, since: Instant, why: &str) -> Option<Trouble> {
        let (place, why, passing) = (self.place.clone(), why.to_owned(), why.is_empty());
        let known = self.reads == Reads::Mirror;
        let (ready, word, text): (_, _, Box<dyn Fn(Duration) -> String + Send>) = match phase {
            Phase::Live if why.is_empty() => return None,
            Phase::Live => {
                let text = format!("{place} takes nothing that is written: {why}; lookups go on");
                (true, "redis takes no writes", Box::new(move |_| text.clone()))
            }
            Phase::Loading => {
                let text = format!("the records of {place} are being read; lookups ask it");
                (true, "redis loading", Box::new(move |_| text.clone()))
            }
            Phase::Connecting => (false, away(&why), out(place, why, String::new())),
            Phase::Out => (known, away(&why), out(place, why, format!("; {}", self.answered()))),
        };
        let passing = phase == Phase::Loading || passing && !phase.is_reachable();
        Some(Trouble { since, ready, passing, word, text })
    }

    /// How lookups are answered without Redis.
    fn answered(&self) -> String {
        let records = count(self.mirror.agents(), "record");
        let written = *self.written.lock().unwrap_or_else(PoisonError::into_inner);
        match (self.reads, written) {
            (Reads::Redis, _) => "lookups are refused, as they are to be answered by Redis alone".to_owned(),
            (Reads::Mirror, None) => format!("lookups answered from {records} known then"),
            (Reads::Mirror, Some(written)) => {
                let age = written.elapsed().unwrap_or_default().as_secs();
                format!("lookups answered from {records} of the state file, written {age} s before that")
            }
        }
    }
}

fn away(why: &str) -> &'static str {
    if why.is_empty() { "redis connecting" } else { "redis out of reach" }
}

fn out(place: String, why: String, rest: String) -> Box<dyn Fn(Duration) -> String + Send> {
    let why = if why.is_empty() { "not connected yet".to_owned() } else { why };
    Box::new(move |age| format!("{place} out of reach for {} s: {why}{rest}", age.as_secs()))
}
