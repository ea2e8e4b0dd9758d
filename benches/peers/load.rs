//! One thread with epoll that asks a server over many connections, lockstep, and measures the answers. The same code
//! asks every server; it never knows which.

use std::io;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use crate::agents::{AGENTS, Question, Requests};
use crate::connection::Connection;
use crate::request::Request;
use crate::server::Server;
use crate::system::Answer;

/// Not counted: caches settle.
const SETTLING: Duration = Duration::from_millis(100);
/// A server that says nothing for so long is broken.
const SILENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };
/// To fill a server is bounded by the number of agents, and by this.
const LONGEST: Duration = Duration::from_secs(300);

/// Everything a load is told.
pub(crate) struct Order {
    pub(crate) question: Question,
    pub(crate) connections: usize,
    pub(crate) duration: Duration,
}

/// One measurement.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    /// Answered within the measured time.
    pub(crate) requests: usize,
    /// Answered at all, warm-up included.
    pub(crate) replies: usize,
    pub(crate) seconds: f64,
    pub(crate) p99: Duration,
}

impl Sample {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// Runs the order to its end, which leaves the server idle; any wrong answer is an error.
pub(crate) fn run(server: &Server, order: &Order) -> io::Result<Sample> {
    let mut connections = (0..order.connections).map(|_| server.connect()).collect::<io::Result<Vec<_>>>()?;
    let mut load = Load::start(server, order);
    load.drive(&mut connections)?;
    connections.into_iter().try_for_each(Connection::close)?;
    Ok(load.tally.finish())
}

struct Load {
    question: Question,
    requests: Requests,
    tally: Tally,
    /// Requests under way.
    waiting: usize,
}

impl Load {
    fn start(server: &Server, order: &Order) -> Self {
        let now = Instant::now();
        let (from, until) = match order.question {
            Question::Fill => (now, now + LONGEST),
            _ => (now + SETTLING, now + SETTLING + order.duration),
        };
        let seed = u64::from(now.elapsed().subsec_nanos()) << 32 | u64::from(std::process::id());
        Self {
            question: order.question,
            requests: Requests::new(order.question, AGENTS, seed),
            tally: Tally {
                question: order.question,
                record_bytes: server.system().record_bytes(),
                from,
                until,
                last: from,
                replies: 0,
                latencies: Vec::with_capacity(1 << 18),
            },
            waiting: 0,
        }
    }

    fn drive(&mut self, connections: &mut [Connection]) -> io::Result<()> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (slot, connection) in connections.iter_mut().enumerate() {
            let data = epoll::EventData::new_u64(slot as u64);
            epoll::add(&epoll, &*connection, data, epoll::EventFlags::IN)?;
            self.ask(connection)?;
        }
        let mut events = Vec::with_capacity(connections.len());
        while self.waiting > 0 {
            match epoll::wait(&epoll, spare_capacity(&mut events), Some(&SILENCE)) {
                Ok(0) => return Err(io::Error::other(format!("{} answers are missing", self.waiting))),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in events.drain(..) {
                self.serve(&mut connections[event.data.u64() as usize])?;
            }
        }
        Ok(())
    }

    fn serve(&mut self, connection: &mut Connection) -> io::Result<()> {
        let asked = connection.asked();
        let answers = connection.receive(|answer| self.tally.take(answer, asked))?;
        self.waiting -= answers;
        if answers == 0 { Ok(()) } else { self.ask(connection) }
    }

    fn ask(&mut self, connection: &mut Connection) -> io::Result<()> {
        if Instant::now() >= self.tally.until {
            return Ok(());
        }
        if let Some(request) = Request::next(self.question, &mut self.requests) {
            connection.ask(&request)?;
            self.waiting += 1;
        }
        Ok(())
    }
}

/// Checks and counts answers.
struct Tally {
    question: Question,
    record_bytes: usize,
    from: Instant,
    until: Instant,
    last: Instant,
    replies: usize,
    /// Of the answers that came between `from` and `until`, in nanoseconds.
    latencies: Vec<u32>,
}

impl Tally {
    fn take(&mut self, answer: &Answer<'_>, asked: Instant) -> io::Result<()> {
        let is_right = match answer {
            Answer::Record(record) => {
                self.question == Question::Lookup
                    && record.len() == self.record_bytes
                    && record.starts_with(b"{\"")
            }
            Answer::Stored => self.question != Question::Lookup,
            Answer::Ready | Answer::Absent => false,
        };
        if !is_right {
            let question = self.question.name();
            return Err(io::Error::other(format!("a wrong answer to a {question}: {answer:?}")));
        }
        self.replies += 1;
        let now = Instant::now();
        if now >= self.from && now < self.until {
            let nanoseconds = now.saturating_duration_since(asked).as_nanos();
            self.latencies.push(u32::try_from(nanoseconds).unwrap_or(u32::MAX));
            self.last = now;
        }
        Ok(())
    }

    fn finish(mut self) -> Sample {
        self.latencies.sort_unstable();
        let requests = self.latencies.len();
        let p99 = self.latencies.get(requests * 99 / 100).copied().unwrap_or_default();
        Sample {
            requests,
            replies: self.replies,
            seconds: self.last.saturating_duration_since(self.from).as_secs_f64(),
            p99: Duration::from_nanos(p99.into()),
        }
    }
}
