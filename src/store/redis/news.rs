//! What some wait for: in which phase the follower is, what it has heard and fetched, and what a request has lost. Plain
//! values; whoever holds them sees to it that they change together.

use std::time::Instant;

use crate::link::Failure;

/// What the follower is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has never had Redis.
    Connecting,
    /// It reads all records.
    Loading,
    /// It has them, and hears of changes.
    Live,
    /// It had Redis and lost it, or knows what was written down.
    Out,
}

impl Phase {
    pub(super) const ALL: [Phase; 4] = [Phase::Connecting, Phase::Loading, Phase::Live, Phase::Out];

    /// Whether Redis can be asked.
    pub(super) fn is_reachable(self) -> bool {
        matches!(self, Phase::Loading | Phase::Live)
    }
}

/// What some wait for.
pub(super) struct News {
    /// Whether all records have ever been read.
    pub(super) complete: bool,
    /// Since when Redis can be asked, or can't.
    pub(super) since: Instant,
    /// All marks up to this one have been fetched.
    pub(super) settled: u64,
    /// All that Redis did up to then has been told.
    pub(super) heard: Option<Instant>,
    /// Somebody waits for it to be told up to then.
    pub(super) wanted: Option<Instant>,
    /// A request found a connection dead.
    pub(super) lost: Option<Failure>,
    /// Why Redis can't be asked, or doesn't take what is written.
    pub(super) why: String,
}

impl News {
    pub(super) fn new(since: Instant) -> News {
        News { complete: false, since, settled: 0, heard: None, wanted: None, lost: None, why: String::new() }
    }

    /// The phase where Redis can't be asked.
    pub(super) fn without(&self) -> Phase {
        if self.complete { Phase::Out } else { Phase::Connecting }
    }
}
