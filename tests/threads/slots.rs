//! Slots, taken by libzmq's I/O threads and freed by the door's.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use service_registry::slots::Slots;

use crate::{ROUNDS, together};

const LIMIT: usize = 3;
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[test]
fn there_are_never_more_slots_than_the_limit_and_all_come_back() {
    let slots = Slots::new(LIMIT, LIMIT);
    let (held, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    together(|_| {
        for _ in 0..ROUNDS * 10 {
            match slots.take(ADDRESS) {
                Ok(_slot) => {
                    assert!(held.fetch_add(1, Ordering::SeqCst) < LIMIT, "more slots than there are");
                    thread::yield_now();
                    held.fetch_sub(1, Ordering::SeqCst);
                }
                Err(_) => {
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    });
    assert!(refused.into_inner() > 0, "the threads never met, so this shows nothing");
    let taken = (0..=LIMIT).map_while(|_| slots.take(ADDRESS).ok()).collect::<Vec<_>>().len();
    assert_eq!(taken, LIMIT, "slots at the end");
}
