//! What health is told of Redis, in words for a person. Knows phases and reasons, and asks nobody.

use std::sync::Arc;
use std::time::Duration;

use super::Reads;
use super::mirror::Mirror;
use super::news::Phase;
use super::reach::Tell;
use crate::health::{Health, Trouble};
use crate::quote::count;

/// What health is told of each phase.
pub(super) fn telling(place: String, reads: Reads, mirror: Arc<Mirror>, health: Arc<Health>) -> Tell {
    Box::new(move |phase, since, why| {
        let (place, why, mirror) = (place.clone(), why.to_owned(), Arc::clone(&mirror));
        let passing = phase == Phase::Loading || phase == Phase::Connecting && why.is_empty();
        let word = match phase {
            Phase::Live => "redis takes no writes",
            Phase::Loading => "redis loading",
            Phase::Connecting if why.is_empty() => "redis connecting",
            Phase::Connecting | Phase::Out => "redis out of reach",
        };
        let trouble = |ready, text: Box<dyn Fn(Duration) -> String + Send>| Trouble {
            since,
            ready,
            passing,
            word,
            text,
        };
        health.set_trouble(match phase {
            Phase::Live if why.is_empty() => None,
            Phase::Live => Some(trouble(
                true,
                Box::new(move |_| format!("{place} takes nothing that is written: {why}; lookups go on")),
            )),
            Phase::Connecting => Some(trouble(
                false,
                Box::new(move |age| format!("{place} out of reach for {} s: {}", age.as_secs(), first(&why))),
            )),
            Phase::Loading => Some(trouble(
                true,
                Box::new(move |_| format!("the records of {place} are being read; lookups ask it")),
            )),
            Phase::Out => {
                let answered = match reads {
                    Reads::Mirror => {
                        format!("lookups answered from {} known then", count(mirror.agents(), "record"))
                    }
                    Reads::Redis => {
                        "lookups are refused, as they are to be answered by Redis alone".to_owned()
                    }
                };
                Some(trouble(
                    reads == Reads::Mirror,
                    Box::new(move |age| {
                        format!("{place} out of reach for {} s: {why}; {answered}", age.as_secs())
                    }),
                ))
            }
        });
    })
}

fn first(why: &str) -> &str {
    if why.is_empty() { "not connected yet" } else { why }
}
