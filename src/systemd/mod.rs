//! What a supervisor is told (sd_notify(3)): that the registry is ready, how it is, that its REP loop still turns, and that it
//! stops. And the sockets that it hands over at the start ([`inherited`]). A process that no supervisor started has neither a
//! thread nor a wake-up for it. Knows no requests and no stores.

#[allow(unsafe_code)]
pub mod inherited;

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::bell::Bell;
use crate::health::Health;
use crate::stop::{Stop, Waker};

/// How soon one status may follow another.
const PACE: Duration = Duration::from_secs(1);
/// How long it tries to tell what matters.
const INSISTENCE: Duration = Duration::from_millis(100);
/// How long a store may take to know where it stands before the registry is called ready all the same: what it is waiting for
/// may never answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the REP loop something, as an agent would; whether it answered in this time, and before the stop.
pub type Probe = Box<dyn Fn(Duration) -> bool + Send>;

/// The supervisor, where there is one that listens.
pub struct Supervisor {
    health: Arc<Health>,
    /// Rings at the stop.
    hurry: Arc<Bell>,
}

impl Supervisor {
    /// The supervisor that started this process; none where nobody did who wants to be told.
    pub fn of_this_process(health: &Arc<Health>) -> Option<Supervisor> {
        std::env::var_os("NOTIFY_SOCKET")?;
        Some(Supervisor { health: Arc::clone(health), hurry: Arc::default() })
    }

    /// Tells that the stop has begun, and ends the thread that tells all the rest.
    pub fn waker(&self) -> Waker {
        let (health, hurry) = (Arc::clone(&self.health), Arc::clone(&self.hurry));
        Box::new(move || {
            say(&[NotifyState::Stopping]);
            hurry.ring();
            health.bell().ring();
        })
    }

    /// Tells from here on, in a thread of its own, until `stop`: both ports listen.
    pub fn start(self, stop: Stop, probe: impl FnOnce() -> io::Result<Probe>) -> io::Result<JoinHandle<()>> {
        // Twice in the time it has, as sd_watchdog_enabled(3) asks for.
        let every = sd_notify::watchdog_enabled().map(|limit| limit / 2).filter(|every| !every.is_zero());
        let now = Instant::now();
        let watchdog = every
            .map(|every| Ok::<_, io::Error>(Watchdog { every, due: now, probe: probe()? }))
            .transpose()?;
        let Supervisor { health, hurry } = self;
        let teller = Teller {
            health,
            hurry,
            stop,
            watchdog,
            told: String::new(),
            at: None,
            started: now,
            ready: false,
        };
        thread::Builder::new().name("systemd".into()).spawn(move || teller.tell())
    }
}

/// Tells the supervisor, who may have no room for it at the moment: what matters is tried again for a while, and nothing waits
/// longer for somebody who doesn't listen.
fn say(states: &[NotifyState<'_>]) {
    let end = Instant::now() + if matters(states) { INSISTENCE } else { Duration::ZERO };
    let text: String = states.iter().map(|state| format!("{state}\n")).collect();
    loop {
        match send(text.as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < end => {
                thread::sleep(INSISTENCE / 10);
            }
            Err(error) => return log::debug!("the supervisor could not be told: {error}"),
            Ok(()) => return,
        }
    }
}

/// Whether it is anything but a status, behind which another one comes.
fn matters(states: &[NotifyState<'_>]) -> bool {
    states.iter().any(|state| !matches!(state, NotifyState::Status(_)))
}

/// One datagram, which is never waited for.
fn send(text: &[u8]) -> io::Result<()> {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    match path.as_bytes().strip_prefix(b"@") {
        Some(name) => socket.send_to_addr(text, &SocketAddr::from_abstract_name(name)?)?,
        None => socket.send_to(text, path)?,
    };
    Ok(())
}

struct Watchdog {
    every: Duration,
    due: Instant,
    probe: Probe,
}

struct Teller {
    health: Arc<Health>,
    hurry: Arc<Bell>,
    stop: Stop,
    watchdog: Option<Watchdog>,
    /// The last status, and when it was told.
    told: String,
    at: Option<Instant>,
    started: Instant,
    ready: bool,
}

impl Teller {
    fn tell(mut self) {
        while !self.stop.begun() {
            let now = Instant::now();
            self.feed(now);
            let late = now.saturating_duration_since(self.started) >= PATIENCE;
            if !self.ready && (late || self.health.is_settled()) {
                self.ready = true;
                say(&[NotifyState::Ready]);
            }
            let due = self.watchdog.as_ref().map(|watchdog| watchdog.due);
            let rests_until = self.at.map(|at| at + PACE).filter(|&until| until > now);
            if rests_until.is_none() {
                self.tell_status(now);
            }
            match (rests_until, self.ready) {
                // What changes meanwhile is told together.
                (Some(until), true) => self.hurry.wait(Some(due.map_or(until, |due| due.min(until)))),
                (_, true) => self.health.bell().wait(due),
                // Readiness is not kept back for a status.
                (_, false) => self.health.bell().wait(Some(self.started + PATIENCE)),
            };
        }
    }

    fn tell_status(&mut self, now: Instant) {
        let status = self.health.status();
        if status != self.told {
            say(&[NotifyState::Status(&status)]);
            self.told = status;
        }
        // Also where it was the same: what comes and goes a thousand times a second is looked at once.
        self.at = Some(now);
    }

    fn feed(&mut self, now: Instant) {
        let Some(watchdog) = self.watchdog.as_mut().filter(|watchdog| now >= watchdog.due) else { return };
        if (watchdog.probe)(watchdog.every) {
            say(&[NotifyState::Watchdog]);
        }
        watchdog.due = now + watchdog.every;
    }
}
