//! Signals, and the one stop they lead to. TERM and INT begin it, a second one ends the process on the spot, HUP is told.
//! Whoever must be woken gives a waker; this file never knows who they are.

use std::ffi::c_int;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::{flag, low_level};

/// The exit code of a process that a second signal ended.
const CUT_SHORT: i32 = 1;

/// Whether the process is to stop.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether it has begun.
    pub fn begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Wakes one thread; it finds the stop begun.
pub type Waker = Box<dyn FnOnce() + Send>;

/// Takes over the signals. The first TERM or INT begins `stop` and then runs `wakers`.
pub fn on_signals(stop: Stop, wakers: Vec<Waker>) -> io::Result<()> {
    let again = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the first signal arms, so only a later one finds it armed.
        flag::register_conditional_shutdown(signal, CUT_SHORT, Arc::clone(&again))?;
        flag::register(signal, Arc::clone(&again))?;
    }
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    thread::Builder::new().name("signals".into()).spawn(move || wait(signals, &stop, wakers))?;
    Ok(())
}

fn wait(mut signals: Signals, stop: &Stop, wakers: Vec<Waker>) {
    let mut wakers = Some(wakers);
    for signal in signals.forever() {
        if signal == SIGHUP {
            log::info!("SIGHUP: nothing to reload; flags and variables are read at the start");
            continue;
        }
        // Two that come at once can both find nothing armed; then this is where the second one ends the process.
        let Some(wakers) = wakers.take() else { low_level::exit(CUT_SHORT) };
        stop.0.store(true, Ordering::Release);
        for wake in wakers {
            wake();
        }
        log::info!("stopping: {}", name(signal));
    }
}

fn name(signal: c_int) -> &'static str {
    if signal == SIGTERM { "SIGTERM" } else { "SIGINT" }
}
