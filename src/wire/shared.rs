//! Bytes that many replies share: rendered once, handed out by reference. Knows nothing of what is in them.

use std::ops::Deref;
use std::sync::{Arc, Weak};

/// The end of a shared piece of memory, from some place on.
#[derive(Clone, Debug)]
pub struct Shared {
    bytes: Arc<[u8]>,
    start: usize,
}

impl Shared {
    /// `bytes` from `start` on; nothing, where that is past their end.
    pub fn from(bytes: Arc<[u8]>, start: usize) -> Shared {
        Shared { bytes, start }
    }

    /// What tells of this memory later, without holding it.
    pub fn watch(&self) -> Watch {
        Watch { bytes: Arc::downgrade(&self.bytes), length: self.bytes.len() }
    }
}

/// Somebody who does not hold a shared piece of memory, but sees how many do.
pub struct Watch {
    bytes: Weak<[u8]>,
    length: usize,
}

impl Watch {
    /// How many hold it now.
    pub fn holders(&self) -> usize {
        self.bytes.strong_count()
    }

    /// Its whole length, in bytes.
    pub fn length(&self) -> usize {
        self.length
    }
}

impl Deref for Shared {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self
    }
}
