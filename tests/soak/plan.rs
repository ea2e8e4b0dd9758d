//! What the environment asks for: how long, and with which seed. Starts nothing.

use std::env;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) struct Plan {
    pub(crate) length: Duration,
    pub(crate) seed: u64,
}

impl Plan {
    /// None where no length is given.
    pub(crate) fn from_environment() -> Option<Plan> {
        let length = Duration::from_secs(number("SOAK_SECONDS")?);
        Some(Plan { length, seed: number("SOAK_SEED").unwrap_or_else(any_seed) })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { length, seed } = self;
        write!(f, "soak for {} s with seed {seed} (SOAK_SEED={seed} does the same again)", length.as_secs())
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|e| panic!("{variable} is a whole number, not {text:?}: {e}")))
}

/// Short enough to be typed again.
fn any_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64 % 1_000_000
}
