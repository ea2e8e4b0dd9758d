//! What threads share, under more threads than the daemon has: the store, slots, the announcer, a gate. In each test one
//! side counts what the others must add up to. They are made for ThreadSanitizer too (CONTRIBUTING.md, "Memory and
//! threads"), which sees what no count shows. The daemon's own threads are tried from outside, by tests/it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod announcer;
mod gate;
mod slots;
mod store;

use std::thread;
use std::time::Duration;

/// More than a small machine runs at once, so that each is interrupted somewhere.
const THREADS: usize = 6;
/// What each of them does.
const ROUNDS: usize = 200;
/// What hasn't happened by then is not going to happen.
const DEADLINE: Duration = Duration::from_secs(60);

/// Does `work` on every thread at once; it is given the thread's number.
fn together(work: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for number in 0..THREADS {
            let work = &work;
            scope.spawn(move || work(number));
        }
    });
}
