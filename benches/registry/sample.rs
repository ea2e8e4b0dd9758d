//! What one run of a load generator measured: the tally while it runs, and the line that carries the result from
//! its process to the benchmark's. Pure but for the clock: it never touches a socket.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::dialect::unexpected;

/// How each reply must begin.
pub(crate) const SUCCESS: &[u8] = br#"{"status":"success""#;

/// Checks and counts replies.
pub(crate) struct Tally {
    reply_bytes: usize,
    from: Instant,
    until: Instant,
    last_reply: Instant,
    replies: usize,
    /// Of the replies that came between `from` and `until`, in nanoseconds.
    latencies: Vec<u32>,
}

impl Tally {
    pub(crate) fn new(reply_bytes: usize, from: Instant, until: Instant) -> Self {
        Self {
            reply_bytes,
            from,
            until,
            last_reply: from,
            replies: 0,
            latencies: Vec::with_capacity(1 << 18),
        }
    }

    /// A reply to what was asked at `asked`: an error when it isn't the one that the contract promises.
    pub(crate) fn take(&mut self, reply: &[u8], asked: Instant) -> io::Result<()> {
        if reply.len() != self.reply_bytes || !reply.starts_with(SUCCESS) {
            return Err(unexpected(&format!("not a success of {} bytes", self.reply_bytes), reply));
        }
        self.count(asked);
        Ok(())
    }

    /// The right answer to what was asked at `asked`.
    pub(crate) fn count(&mut self, asked: Instant) {
        self.replies += 1;
        let now = Instant::now();
        if now >= self.from && now < self.until {
            let nanoseconds = now.saturating_duration_since(asked).as_nanos();
            self.latencies.push(u32::try_from(nanoseconds).unwrap_or(u32::MAX));
            self.last_reply = now;
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// `processor` and `resident_bytes` are the server's.
    pub(crate) fn finish(mut self, processor: Duration, resident_bytes: u64) -> Sample {
        self.latencies.sort_unstable();
        Sample {
            requests: self.latencies.len(),
            replies: self.replies,
            seconds: self.last_reply.saturating_duration_since(self.from).as_secs_f64(),
            p50: percentile(&self.latencies, 50),
            p99: percentile(&self.latencies, 99),
            processor,
            resident_bytes,
        }
    }
}

fn percentile(sorted: &[u32], percent: usize) -> Duration {
    let rank = sorted.len() * percent / 100;
    sorted.get(rank).map_or(Duration::ZERO, |nanoseconds| Duration::from_nanos((*nanoseconds).into()))
}

/// One measurement.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    /// Answered within the measured time.
    pub(crate) requests: usize,
    /// Answered at all, warm-up included.
    pub(crate) replies: usize,
    pub(crate) seconds: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// What the server had for all of these replies.
    pub(crate) processor: Duration,
    /// What the server took in memory at the end, its peers still there.
    pub(crate) resident_bytes: u64,
}

impl Sample {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// Of the server's processor time, for one reply.
    pub(crate) fn processor_micros(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.replies as f64
    }
}

/// `requests=57600 replies=64000 seconds=0.800000 p50_us=310 p99_us=620 processor_us=700000 resident_bytes=5200000`
impl fmt::Display for Sample {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, replies, seconds, resident_bytes, .. } = self;
        let [p50, p99, processor] = [self.p50, self.p99, self.processor].map(|time| time.as_micros());
        write!(
            out,
            "requests={requests} replies={replies} seconds={seconds:.6} p50_us={p50} p99_us={p99} \
             processor_us={processor} resident_bytes={resident_bytes}"
        )
    }
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let number = |key: &str| {
            let value = line
                .split_whitespace()
                .filter_map(|word| word.split_once('='))
                .find(|(name, _)| *name == key);
            value
                .and_then(|(_, value)| value.parse::<f64>().ok())
                .ok_or_else(|| format!("no {key} in {line:?}"))
        };
        let micros = |key: &str| number(key).map(|value| Duration::from_micros(value as u64));
        Ok(Self {
            requests: number("requests")? as usize,
            replies: number("replies")? as usize,
            seconds: number("seconds")?,
            p50: micros("p50_us")?,
            p99: micros("p99_us")?,
            processor: micros("processor_us")?,
            resident_bytes: number("resident_bytes")? as u64,
        })
    }
}
