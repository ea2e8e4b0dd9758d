//! Registrations at a steady rate, one client's, while something else is measured.

use std::io;
use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use crate::agents::{AGENTS, PLAIN_SUCCESS, Question, Requests};
use crate::ask::{Client, buffer};
use crate::children::Server;
use crate::dialect::unexpected;
use crate::sample::Sample;

/// From one registration to the next.
const INTERVAL: Duration = Duration::from_millis(1);

pub(crate) struct Pace {
    client: Client,
    buffer: Vec<u8>,
    requests: Requests,
}

impl Pace {
    /// A client of `registry` that has registered once.
    pub(crate) fn start(registry: &Server) -> Self {
        let client = Client::connect(Ipv4Addr::LOCALHOST, registry.address()).expect("a connection");
        let requests = Requests::new(Question::Register, AGENTS, u64::from(registry.pid()) << 20);
        let mut pace = Self { client, buffer: buffer(), requests };
        pace.register().unwrap_or_else(|error| panic!("{error}\n{}", registry.said()));
        pace
    }

    fn register(&mut self) -> io::Result<()> {
        let registration = self.requests.next_body().expect("one registration after another");
        let reply = self.client.ask(&registration, &mut self.buffer)?;
        let is_done = reply == PLAIN_SUCCESS.as_bytes();
        is_done.then_some(()).ok_or_else(|| unexpected("not registered", &reply))
    }

    /// Goes on for as long as `work` runs, and says how many registrations a second there were.
    pub(crate) fn beside(&mut self, work: impl FnOnce() -> Sample + Send) -> (Sample, f64) {
        let (began, mut registrations) = (Instant::now(), 0);
        thread::scope(|scope| {
            let working = scope.spawn(work);
            while !working.is_finished() {
                self.register().unwrap_or_else(|error| panic!("beside lookups: {error}"));
                registrations += 1;
                thread::sleep((INTERVAL * registrations).saturating_sub(began.elapsed()));
            }
            let sample = working.join().expect("the load beside");
            (sample, f64::from(registrations) / began.elapsed().as_secs_f64())
        })
    }
}
