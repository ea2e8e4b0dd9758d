//! The line that a person who watches reads every ten seconds. It looks at the daemon and judges nothing.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::footprint::{Connections, Footprint};
use crate::registry::Registry;

const EVERY: Duration = Duration::from_secs(10);

pub(crate) fn line(registry: &Registry, start: Instant) -> String {
    let (footprint, connections) = (Footprint::of(registry), Connections::of(registry));
    format!("{:>4} s: {footprint}; {connections}", start.elapsed().as_secs())
}

/// Prints it until the other end is dropped.
pub(crate) fn watch(registry: &Registry, start: Instant, over: &Receiver<()>) {
    while over.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        println!("{}", line(registry, start));
    }
}
