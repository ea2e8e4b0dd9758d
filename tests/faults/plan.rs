//! What the environment asks for: the seed, and which parts. Starts nothing.

use std::env;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::dice::Dice;

/// The parts of a run, in their order.
pub(crate) const PARTS: [&str; 5] =
    ["one-redis", "one-replica", "all-replicas", "too-few-replicas", "no-replica"];

pub(crate) struct Plan {
    pub(crate) seed: u64,
    only: Option<String>,
}

impl Plan {
    pub(crate) fn from_environment() -> Plan {
        let set = |name| env::var(name).ok().filter(|text| !text.is_empty());
        let number = |text: String| {
            text.parse().unwrap_or_else(|e| panic!("FAULTS_SEED is a whole number, not {text:?}: {e}"))
        };
        let only = set("FAULTS_ONLY");
        if let Some(only) = &only {
            assert!(PARTS.contains(&only.as_str()), "FAULTS_ONLY is one of {PARTS:?}, not {only:?}");
        }
        Plan { seed: set("FAULTS_SEED").map_or_else(any_seed, number), only }
    }

    pub(crate) fn has(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }

    /// Dice of their own for each part, so that one part does the same whether another runs or not.
    pub(crate) fn dice(&self, part: &str) -> Dice {
        let place = PARTS.iter().position(|name| *name == part).expect("a part");
        Dice::new(self.seed.wrapping_mul(PARTS.len() as u64).wrapping_add(place as u64))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seed = self.seed;
        write!(f, "faults with seed {seed} (FAULTS_SEED={seed} does the same to the same parts again)")
    }
}

/// Short enough to be typed again.
fn any_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64 % 1_000_000
}
