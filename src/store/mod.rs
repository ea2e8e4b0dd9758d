//! Where records live: the [`Store`] that every backend is. A store keeps rendered records by name and knows nothing of
//! requests, actions or transports; whoever asks it gets shared bytes, never a lock.

mod by_name;
pub mod memory;
pub mod redis;
mod roster;

use std::fmt;

use crate::quote::size;
use crate::wire::render::Rendered;
use crate::wire::shared::Shared;

/// A backend. Every call may be made from any thread, and returns without holding anything.
pub trait Store: Send + Sync {
    /// Writes `record` under its name, in place of the one that was there, which is given back.
    fn put(&self, record: Rendered) -> Result<Option<Rendered>, StoreError>;

    /// Removes the record of that name, where there is one.
    fn remove(&self, name: &str) -> Result<Option<Removed>, StoreError>;

    /// The reply bytes kept for `name`.
    fn get(&self, name: &str) -> Result<Option<Shared>, StoreError>;

    /// The reply to `list_agents`: exactly the names that [`get`](Store::get) would answer, sorted by bytes.
    fn list(&self) -> Result<Shared, StoreError>;
}

/// A record that was there, and is gone.
#[derive(Clone, Debug)]
pub struct Removed {
    /// The record, where it is known without asking for it.
    pub old: Option<Rendered>,
}

/// Why a store refuses. Callers branch on it: each kind has its own code on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The record would take the store over its limit, in bytes.
    Full {
        /// `--max-bytes`.
        limit: u64,
    },
    /// The store can't be asked now, or doesn't do what it is asked; why. What was to be written may have been written.
    Unavailable(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Full { limit } => {
                let limit = size(*limit);
                write!(formatter, "the registry is full: names and records may take {limit} (--max-bytes)")
            }
            StoreError::Unavailable(why) => formatter.write_str(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_the_limit_is_and_who_sets_it() {
        assert_eq!(
            StoreError::Full { limit: 1 << 28 }.to_string(),
            "the registry is full: names and records may take 256 MiB (--max-bytes)"
        );
    }
}
