//! Bytes that many replies share: rendered once, handed out by reference. Knows nothing of what is in them.

use std::ops::Deref;
use std::sync::Arc;

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
