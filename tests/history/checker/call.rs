//! One call to the registry as its client saw it: which instance was asked, what, when it was sent, and what had come back
//! when. All moments are of one monotonic clock, so that calls of different threads and instances can be compared. Knows
//! nothing of what is right.

use std::fmt;

/// Nanoseconds since the run began.
pub(crate) type Moment = u64;

/// What makes each registration of a name another one: no two of a history have the same.
pub(crate) type Serial = u64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    /// The number of the instance.
    pub(crate) instance: usize,
    pub(crate) start: Moment,
    /// When the answer was there, or when the client gave up.
    pub(crate) end: Moment,
    pub(crate) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// Without an acknowledgement it may have happened, may still happen at any later moment, or never.
    Register { serial: Serial, acknowledged: bool },
    /// Whether there was such an agent, as the reply said; `None` where no acknowledgement came, as above.
    Deregister { found: Option<bool> },
    /// A lookup of the name.
    Lookup(Saw),
    /// A list of all names: whether this one was in it.
    List { there: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saw {
    Record(Serial),
    NotFound,
    /// `unavailable`, or no answer at all: says nothing of the record.
    Unavailable,
}

impl Call {
    pub(crate) fn is_write(&self) -> bool {
        matches!(self.what, What::Register { .. } | What::Deregister { .. })
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.what, What::List { .. })
    }

    pub(crate) fn is_acknowledged_write(&self) -> bool {
        matches!(self.what, What::Register { acknowledged: true, .. } | What::Deregister { found: Some(_) })
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { instance, start, end, what } = self;
        write!(f, "{} … {}  instance {instance}  {what}", seconds(*start), seconds(*end))
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Register { serial, acknowledged: true } => write!(f, "register {serial}"),
            What::Register { serial, acknowledged: false } => write!(f, "register {serial}: unknown"),
            What::Deregister { found: Some(true) } => write!(f, "deregister: there was one"),
            What::Deregister { found: Some(false) } => write!(f, "deregister: there was none"),
            What::Deregister { found: None } => write!(f, "deregister: unknown"),
            What::Lookup(Saw::Record(serial)) => write!(f, "lookup: {serial}"),
            What::Lookup(Saw::NotFound) => write!(f, "lookup: not found"),
            What::Lookup(Saw::Unavailable) => write!(f, "lookup: unavailable"),
            What::List { there: true } => write!(f, "list: in it"),
            What::List { there: false } => write!(f, "list: not in it"),
        }
    }
}

/// A moment as a person reads it.
pub(crate) fn seconds(moment: Moment) -> String {
    format!("{}.{:06}", moment / 1_000_000_000, moment / 1000 % 1_000_000)
}
