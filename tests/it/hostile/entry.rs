//! One row of the table of hostile bytes: what is sent, after which handshake, and what must come of it. Plain data, and
//! the short ways to write it down; who sends it and who judges is visit.rs's business.

use super::target::Place;
use super::visit::Ending;
use crate::handoff::zmtp::Version;

/// A row.
pub(super) struct Entry {
    pub(super) name: String,
    /// A ZMTP handshake that is done before the bytes are sent.
    pub(super) after: Option<Version>,
    pub(super) bytes: Vec<u8>,
    pub(super) due: Due,
}

/// An HTTP status and the code in the body.
pub(super) type Refusal = (u16, &'static str);

/// What must come of a row's bytes.
pub(super) enum Due {
    /// Neither protocol: closed without a word.
    Closed,
    /// One HTTP answer that refuses, on the registry port and on the health port, and the close.
    Refused(Refusal, Refusal),
    /// The same on both ports, unless the client has sent so much beyond it that a reset takes the answer from it.
    Cut(Refusal),
    /// One HTTP answer with status 200 and JSON, and the close.
    Served,
    /// A request for the list that is answered on the registry port; the health port has no such path.
    Listed,
    /// The beginning of an HTTP request: nothing comes until it is closed after 10 s. Who closes his half gets 400.
    Unfinished,
    /// Not ZMTP as it is spoken here: closed, after the registry's half of the handshake at most.
    Dropped,
    /// The beginning of a ZMTP handshake: closed after 5 s, after the registry's half of it at most.
    Unmet,
    /// The registry says this, and closes the connection when the TTL that was told it has run out.
    Expires(Vec<u8>),
    /// Odd, and a peer all the same: it is legitimately held, and answered when it asks.
    Held(Held),
}

impl Due {
    /// How many bad requests are counted for it at most, and exactly so many unless a reset ends it.
    pub(super) fn bad_requests(&self, place: Place, ending: Ending) -> u64 {
        match (self, place) {
            (Due::Closed | Due::Cut(_) | Due::Dropped, _) => 1,
            // To ask for what isn't there is no fault.
            (Due::Refused((_, code), _), Place::Registry) | (Due::Refused(_, (_, code)), Place::Health) => {
                u64::from(*code != "not_found")
            }
            // Nothing more can come then: it is refused as it is.
            (Due::Unfinished, _) => u64::from(ending != Ending::Reset),
            (Due::Held(held), Place::Registry) => held.refusals(),
            // There every request is one for the health object.
            (Due::Held(_), Place::Health) => 0,
            (Due::Served | Due::Listed | Due::Unmet | Due::Expires(_), _) => 0,
        }
    }
}

impl Held {
    fn refusals(&self) -> u64 {
        self.replies.iter().filter(|reply| matches!(reply, Reply::Refused(_))).count() as u64
    }
}

/// How a peer that is held goes on.
pub(super) struct Held {
    /// How it speaks when it asks.
    pub(super) version: Version,
    /// What comes before the first reply, byte for byte, behind the handshake.
    pub(super) comes: Vec<u8>,
    /// What was asked in the row's bytes already.
    pub(super) replies: Vec<Reply>,
}

/// A reply on the registry port; on the health port it is the health object, whatever was asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reply {
    Listed,
    Refused(&'static str),
}

const BAD: Refusal = (400, "invalid_request");

impl Entry {
    pub(super) fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>, due: Due) -> Entry {
        Entry { name: name.into(), after: None, bytes: bytes.into(), due }
    }

    /// Sent by a peer of this version whose handshake is done.
    pub(super) fn after(mut self, version: Version) -> Entry {
        self.after = Some(version);
        self
    }
}

pub(super) fn closed(name: &str, bytes: impl Into<Vec<u8>>) -> Entry {
    Entry::new(name, bytes, Due::Closed)
}

pub(super) fn bad(name: &str, bytes: impl Into<Vec<u8>>) -> Entry {
    refused(name, bytes, BAD)
}

pub(super) fn refused(name: &str, bytes: impl Into<Vec<u8>>, refusal: Refusal) -> Entry {
    Entry::new(name, bytes, Due::Refused(refusal, refusal))
}

pub(super) fn served(name: &str, bytes: impl Into<Vec<u8>>) -> Entry {
    Entry::new(name, bytes, Due::Served)
}

pub(super) fn unfinished(name: &str, bytes: impl Into<Vec<u8>>) -> Entry {
    Entry::new(name, bytes, Due::Unfinished)
}

pub(super) fn dropped(name: &str, bytes: impl Into<Vec<u8>>) -> Entry {
    Entry::new(name, bytes, Due::Dropped)
}

pub(super) fn unmet(name: &str, bytes: impl Into<Vec<u8>>) -> Entry {
    Entry::new(name, bytes, Due::Unmet)
}

/// A peer that is held, and has been asked for nothing yet.
pub(super) fn held(name: &str, version: Version, bytes: impl Into<Vec<u8>>) -> Entry {
    hears(name, version, bytes, b"")
}

/// A peer that is held, and hears this before it asks.
pub(super) fn hears(name: &str, version: Version, bytes: impl Into<Vec<u8>>, comes: &[u8]) -> Entry {
    let held = Held { version, comes: comes.to_vec(), replies: vec![] };
    Entry::new(name, bytes, Due::Held(held))
}

/// A peer that is held, and gets these replies for what it says.
pub(super) fn answered(
    name: &str,
    version: Version,
    bytes: impl Into<Vec<u8>>,
    replies: impl Into<Vec<Reply>>,
) -> Entry {
    let held = Held { version, comes: vec![], replies: replies.into() };
    Entry::new(name, bytes, Due::Held(held))
}
