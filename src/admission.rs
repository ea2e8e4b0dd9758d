//! Who is let in at a port, decided before a byte is read: a connection gets a [`Pass`], which holds its slots, or is
//! refused, which is counted and, once a minute, told. Knows addresses; never a socket, never a protocol.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::announcer::Reminder;
use crate::counters::Counters;
use crate::slots::{Full, Slot, Slots};

/// Connections of one port that may be silent or speak HTTP at the same time: each may hold 136 KiB of a request.
const AT_THE_DOOR: usize = 512;

/// What a port has to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time.
    pub all: usize,
    /// Connections of one address.
    pub per_address: usize,
    /// Connections of peers, who may idle for ever; the others come and go.
    pub peers: usize,
    /// Connections past those, only to be told that there is no room; half of them for one address.
    pub reserve: usize,
}

/// A port's admission.
pub struct Admission {
    /// The port's name and the flags that set its limits, for the warning.
    name: &'static str,
    flags: Flags,
    all: Arc<Slots>,
    door: Arc<Slots>,
    /// None where peers may have all of them.
    peers: Option<Arc<Slots>>,
    reserve: Arc<Slots>,
    counters: Arc<Counters>,
    refusing: Reminder,
}

/// What an operator can set: how many connections, and how many of one address.
pub type Flags = Option<(&'static str, &'static str)>;

/// A connection's right to be here; dropping it gives its slots back.
pub struct Pass {
    address: IpAddr,
    _slot: Slot,
    /// At the door, or among the peers: what it holds beside its slot.
    place: Option<Slot>,
    is_refusal: bool,
}

impl Pass {
    /// Whether all that may be done for it is to say that there is no room.
    pub fn is_refusal(&self) -> bool {
        self.is_refusal
    }
}

impl Admission {
    /// Admission to the port called `name`, whose limits `flags` can set.
    pub fn new(name: &'static str, flags: Flags, limits: Limits, counters: Arc<Counters>) -> Admission {
        let at_the_door = limits.all.min(AT_THE_DOOR);
        Admission {
            name,
            flags,
            all: Slots::new(limits.all, limits.per_address),
            door: Slots::new(at_the_door, limits.per_address.min(at_the_door.div_ceil(2))),
            peers: (limits.peers < limits.all).then(|| Slots::new(limits.peers, limits.per_address)),
            reserve: Slots::new(limits.reserve, limits.reserve.div_ceil(2)),
            counters,
            refusing: Reminder::default(),
        }
    }

    /// The port's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The slots of the port's connections, to be counted.
    pub fn slots(&self) -> &Arc<Slots> {
        &self.all
    }

    /// Lets a connection from `address` in. Past a limit the pass is a refusal, and past the reserve there is none.
    pub fn admit(&self, address: IpAddr) -> Option<Pass> {
        match self.all.take(address) {
            Ok(slot) => Some(Pass { address, _slot: slot, place: None, is_refusal: false }),
            Err(full) => self.refuse(address, full, &self.all, ""),
        }
    }

    /// A place at the door for a connection that doesn't speak ZMTP, or not yet.
    pub fn comes_to_door(&self, mut pass: Pass) -> Option<Pass> {
        if pass.is_refusal || pass.place.is_some() {
            return Some(pass);
        }
        match self.door.take(pass.address) {
            Ok(slot) => {
                pass.place = Some(slot);
                Some(pass)
            }
            Err(full) => self.refuse(pass.address, full, &self.door, " that are silent or speak HTTP"),
        }
    }

    /// A peer's pass, for a connection that proves to speak ZMTP: it gives its place at the door back. None: no room.
    pub fn becomes_peer(&self, mut pass: Pass) -> Option<Pass> {
        if pass.is_refusal {
            return None;
        }
        pass.place = None;
        let Some(peers) = &self.peers else { return Some(pass) };
        match peers.take(pass.address) {
            Ok(slot) => {
                pass.place = Some(slot);
                Some(pass)
            }
            Err(full) => {
                // Nobody is told in ZMTP, so its place in the reserve is free again at once.
                let _ = self.refuse(pass.address, full, peers, " that speak ZMTP");
                None
            }
        }
    }

    fn refuse(&self, address: IpAddr, full: Full, slots: &Slots, kind: &str) -> Option<Pass> {
        self.counters.refused.add();
        self.refusing.warn(Instant::now(), || self.warning(address, full, slots, kind));
        let slot = self.reserve.take(address).ok()?;
        Some(Pass { address, _slot: slot, place: None, is_refusal: true })
    }

    fn warning(&self, address: IpAddr, full: Full, slots: &Slots, kind: &str) -> String {
        let name = self.name;
        let flag = |flag: &str| if kind.is_empty() { format!(" ({flag})") } else { String::new() };
        let (all, one) = self.flags.map_or_else(Default::default, |(all, one)| (flag(all), flag(one)));
        let (most, count) = slots.busiest().unwrap_or((address, 0));
        match full {
            Full::All => format!(
                "refusing connections to the {name} port: it has {}{kind}{all}, {count} of them from {most}",
                slots.limit()
            ),
            // Nobody can hold more than an address may, so this one is the answer to who holds most.
            Full::Address => format!(
                "refusing connections to the {name} port from {}, which holds {}{kind} already{one}",
                address.to_canonical(),
                slots.per_address()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    fn admission(all: usize, per_address: usize) -> Admission {
        let limits = Limits { all, per_address, peers: all, reserve: 1 };
        Admission::new("registry", Some(("--all", "--one")), limits, Arc::default())
    }

    fn is_refused(pass: &Option<Pass>) -> Option<bool> {
        pass.as_ref().map(Pass::is_refusal)
    }

    #[test]
    fn past_the_limit_there_is_the_reserve_and_then_nothing() {
        let admission = admission(2, 1);
        let held = [1, 2, 3, 4].map(|last| admission.admit(address(last)));
        assert_eq!(held.each_ref().map(is_refused), [Some(false), Some(false), Some(true), None]);
        assert_eq!((admission.slots().open(), admission.counters.refused.get()), (2, 2));
        drop(held);
        assert_eq!(is_refused(&admission.admit(address(1))), Some(false));
    }

    #[test]
    fn a_place_at_the_door_is_given_back_by_who_speaks_zmtp() {
        let admission = admission(2 * AT_THE_DOOR, 2 * AT_THE_DOOR);
        let enter = || admission.admit(address(1)).and_then(|pass| admission.comes_to_door(pass));
        let mut held: Vec<_> = (0..AT_THE_DOOR / 2).map(|_| enter()).collect();
        assert!(held.iter().all(|pass| is_refused(pass) == Some(false)));
        assert_eq!(is_refused(&enter()), Some(true));
        let first = held.swap_remove(0).and_then(|pass| admission.becomes_peer(pass));
        assert_eq!(is_refused(&enter()), Some(false));
        assert_eq!(admission.slots().open(), AT_THE_DOOR / 2);
        drop(first);
    }

    #[test]
    fn peers_leave_room_for_others() {
        let limits = Limits { all: 4, per_address: 4, peers: 2, reserve: 1 };
        let admission = Admission::new("health", None, limits, Arc::default());
        let enter = || admission.admit(address(1));
        let peers =
            [enter(), enter(), enter()].map(|pass| pass.and_then(|pass| admission.becomes_peer(pass)));
        assert_eq!(peers.each_ref().map(is_refused), [Some(false), Some(false), None]);
        assert_eq!((admission.slots().open(), admission.counters.refused.get()), (2, 1));
        assert_eq!(is_refused(&enter()), Some(false));
    }

    #[test]
    fn the_warning_names_who_holds_most_and_what_sets_the_limit() {
        let admission = admission(3, 2);
        let _held = [7, 7, 8].map(|last| admission.admit(address(last)));
        let warning = |full, kind| admission.warning(address(7), full, &admission.all, kind);
        let all = "refusing connections to the registry port: it has 3 (--all), 2 of them from 10.0.0.7";
        assert_eq!(warning(Full::All, ""), all);
        let one = "refusing connections to the registry port from 10.0.0.7, which holds 2 already (--one)";
        assert_eq!(warning(Full::Address, ""), one);
        let door =
            "refusing connections to the registry port from 10.0.0.7, which holds 2 that sleep already";
        assert_eq!(warning(Full::Address, " that sleep"), door);
    }
}
