//! How many connections the process has file descriptors for, and how the two ports share them. Raises the limit as far as
//! the system allows; opens nothing that stays open.

use std::fmt;
use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::admission::Limits;

/// What the daemon holds at rest: libzmq's signalers, the lanes, epoll instances, and what a start needs for a moment.
const OWN: u64 = 48;
/// A port's listener is one of [`OWN`]; each further `--bind` address is one more on both ports.
const PER_FURTHER_ADDRESS: u64 = 2;
/// With fewer connections than this a start is refused.
const FEWEST_CONNECTIONS: u64 = 8;
/// Connections of the health port, where there are descriptors enough.
const HEALTH: u64 = 256;
/// Connections past a limit, only to be told so, where there are descriptors enough.
const RESERVE: u64 = 16;

/// The process's limit of file descriptors; `None` is no limit.
pub type Limit = Option<u64>;

/// What each port may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// The registry port's connections.
    pub registry: usize,
    /// The health port's connections.
    pub health: usize,
    /// Each port's reserve.
    pub reserve: usize,
}

/// Too few descriptors to be of use to anybody.
#[derive(Debug, PartialEq, Eq)]
pub struct TooFew {
    needed: u64,
    limit: u64,
}

impl fmt::Display for TooFew {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooFew { needed, limit } = self;
        write!(
            formatter,
            "at least {needed} file descriptors are needed, and the limit (LimitNOFILE= of the unit, ulimit -n) is {limit}"
        )
    }
}

impl std::error::Error for TooFew {}

/// Raises the limit to what the system allows this process, and gives it.
pub fn raise() -> Limit {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    // Where it is forbidden after all (a seccomp filter, for one), the old limit has to do.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if raised.is_ok() { maximum } else { current }
}

/// The limit as it is.
pub fn limit() -> Limit {
    getrlimit(Resource::Nofile).current
}

/// How many descriptors are open already: standard ones, and what whoever started us left open.
pub fn inherited() -> u64 {
    // One of those counted is the folder's own.
    fs::read_dir("/proc/self/fd").map_or(3, |entries| entries.count() as u64 - 1)
}

/// Shares what `limit` leaves beside `inherited` descriptors and those of `addresses` listeners a port, where up to
/// `wanted` connections are wanted on the registry port.
pub fn share(limit: Limit, inherited: u64, addresses: usize, wanted: usize) -> Result<Shares, TooFew> {
    let own = inherited + OWN + PER_FURTHER_ADDRESS * (addresses.max(1) as u64 - 1);
    let wanted = wanted as u64;
    let spare = limit.map_or(u64::MAX, |limit| limit.saturating_sub(own));
    if spare < FEWEST_CONNECTIONS {
        return Err(TooFew { needed: own + FEWEST_CONNECTIONS, limit: limit.unwrap_or_default() });
    }
    let reserve = (spare / 16).clamp(1, RESERVE);
    let rest = spare - 2 * reserve;
    let health = HEALTH.min(rest / 4).max(1);
    let registry = wanted.min(rest - health);
    Ok(Shares { registry: registry as usize, health: health as usize, reserve: reserve as usize })
}

impl Shares {
    /// The registry port's limits, with `per_address` of its connections at most for one address, half of them unless told.
    pub fn registry_limits(self, per_address: Option<usize>) -> Limits {
        let half = self.registry.div_ceil(2);
        let per_address = per_address.unwrap_or(half).min(self.registry);
        Limits { all: self.registry, per_address, peers: self.registry, reserve: self.reserve }
    }

    /// The health port's limits. Peers that idle there never keep HTTP's probes out.
    pub fn health_limits(self) -> Limits {
        let half = self.health.div_ceil(2);
        Limits { all: self.health, per_address: half, peers: half, reserve: self.reserve }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fit_into_the_limit() {
        for limit in 59..5_000 {
            for wanted in [1, 100, 4096, 100_000] {
                let shares = share(Some(limit), 3, 1, wanted).expect("enough");
                let all = shares.registry + shares.health + 2 * shares.reserve;
                assert!(all as u64 + 3 + OWN <= limit, "{limit}: {shares:?}");
                assert!(
                    shares.registry >= 1 && shares.health >= 1 && shares.reserve >= 1,
                    "{limit}: {shares:?}"
                );
                assert!(shares.registry <= wanted, "{limit}: {shares:?}");
            }
        }
    }

    #[test]
    fn where_there_are_enough_everybody_gets_what_was_wanted() {
        let full = Ok(Shares { registry: 4096, health: 256, reserve: 16 });
        for limit in [None, Some(4096 + 256 + 32 + OWN + 3), Some(1 << 20)] {
            assert_eq!(share(limit, 3, 1, 4096), full);
        }
        assert_ne!(share(Some(4096 + 256 + 32 + OWN + 2), 3, 1, 4096), full);
    }

    #[test]
    fn too_few_are_refused_with_the_number_needed() {
        assert_eq!(share(Some(58), 3, 1, 4096), Err(TooFew { needed: 59, limit: 58 }));
        assert_eq!(share(Some(60), 3, 2, 4096), Err(TooFew { needed: 61, limit: 60 }));
    }

    #[test]
    fn an_address_gets_half_unless_told_otherwise() {
        let shares = Shares { registry: 5, health: 256, reserve: 16 };
        assert_eq!(shares.registry_limits(None), Limits { all: 5, per_address: 3, peers: 5, reserve: 16 });
        assert_eq!(shares.registry_limits(Some(1)).per_address, 1);
        assert_eq!(shares.registry_limits(Some(9)).per_address, 5);
        assert_eq!(shares.health_limits(), Limits { all: 256, per_address: 128, peers: 128, reserve: 16 });
    }
}
