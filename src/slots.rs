//! So many slots, and so many of them for one address. A [`Slot`] is the right to one and frees it when dropped, so that
//! no path a connection takes can forget to. Knows no sockets, and not what a slot is for.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bell::Bell;

/// Slots, taken and free.
pub struct Slots {
    limit: usize,
    per_address: usize,
    /// All that `held` adds up to, to be read without waiting; changed only while `held` is locked.
    open: AtomicUsize,
    /// Rings when one is taken or freed.
    bell: Bell,
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// One slot; dropping it frees it.
pub struct Slot {
    slots: Arc<Slots>,
    address: IpAddr,
}

/// Why there is no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// All are taken.
    All,
    /// The address holds as many as it may.
    Address,
}

impl Slots {
    /// `limit` free slots, `per_address` of them at most for one address.
    pub fn new(limit: usize, per_address: usize) -> Arc<Slots> {
        Arc::new(Slots {
            limit,
            per_address,
            open: AtomicUsize::new(0),
            bell: Bell::default(),
            held: Mutex::default(),
        })
    }

    /// Takes a slot for `address`; an IPv4 address counts as the same when it comes over IPv6 (RFC 4291, 2.5.5.2).
    pub fn take(self: &Arc<Slots>, address: IpAddr) -> Result<Slot, Full> {
        let address = address.to_canonical();
        let mut held = self.held();
        if self.open() >= self.limit {
            return Err(Full::All);
        }
        let count = held.entry(address).or_default();
        if *count >= self.per_address {
            return Err(Full::Address);
        }
        *count += 1;
        self.open.fetch_add(1, Ordering::Relaxed);
        self.bell.ring();
        Ok(Slot { slots: Arc::clone(self), address })
    }

    /// How many are taken.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// What rings when one is taken or freed.
    pub fn bell(&self) -> &Bell {
        &self.bell
    }

    /// How many there are.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many one address may hold.
    pub fn per_address(&self) -> usize {
        self.per_address
    }

    /// The address that holds most, and how many.
    pub fn busiest(&self) -> Option<(IpAddr, usize)> {
        self.held().iter().map(|(address, count)| (*address, *count)).max_by_key(|(_, count)| *count)
    }

    fn held(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn free(&self, address: IpAddr) {
        let mut held = self.held();
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.bell.ring();
        match held.get_mut(&address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(held.remove(&address)),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.free(self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::thread;

    const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
    const TWO: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

    fn refused(slots: &Arc<Slots>, address: IpAddr) -> Option<Full> {
        slots.take(address).err()
    }

    #[test]
    fn a_dropped_slot_is_free_again() {
        let slots = Slots::new(2, 2);
        let held = (slots.take(ONE), slots.take(TWO));
        assert_eq!((refused(&slots, ONE), slots.open()), (Some(Full::All), 2));
        drop(held);
        assert_eq!((refused(&slots, ONE), slots.open(), slots.busiest()), (None, 0, None));
    }

    #[test]
    fn one_address_leaves_slots_for_others() {
        let slots = Slots::new(3, 2);
        let mapped = IpAddr::V6(Ipv4Addr::new(127, 0, 0, 1).to_ipv6_mapped());
        let held = (slots.take(ONE), slots.take(mapped));
        assert_eq!(
            (refused(&slots, ONE), refused(&slots, mapped)),
            (Some(Full::Address), Some(Full::Address))
        );
        assert_eq!((slots.busiest(), refused(&slots, TWO)), (Some((ONE, 2)), None));
        assert_eq!(refused(&slots, IpAddr::V6(Ipv6Addr::LOCALHOST)), None);
        drop(held);
        assert_eq!(slots.open(), 0);
    }

    #[test]
    fn threads_never_take_more_than_there_are() {
        let slots = Slots::new(5, 3);
        thread::scope(|scope| {
            for address in [ONE, TWO, ONE, TWO] {
                let slots = &slots;
                scope.spawn(move || {
                    for _ in 0..if cfg!(miri) { 20 } else { 2_000 } {
                        let held = [slots.take(address), slots.take(address)];
                        assert!(slots.open() <= 5 && slots.busiest().is_none_or(|(_, count)| count <= 3));
                        drop(held);
                    }
                });
            }
        });
        assert_eq!((slots.open(), slots.busiest()), (0, None));
    }
}
