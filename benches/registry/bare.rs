//! The role `bare`: what Redis gives to a client that does nothing else, to hold a registry behind Redis against. One
//! connection of the crate `redis`, which blocks: GET or SET, the next one when the last is answered.

use std::io;
use std::time::{Duration, Instant};

use redis::{Connection, RedisResult, cmd};

use crate::agents::{AGENTS, Question, RECORD_BYTES, Requests};
use crate::dialect::unexpected;
use crate::inspect::{self, ThreadTimes};
use crate::load::WARM_UP;
use crate::redis_server::{connect, key};
use crate::sample::{Sample, Tally};

/// Asks the Redis at `port`, which is process `pid`, for so long; any wrong answer ends it with an error.
pub(crate) fn run(port: u16, pid: u32, question: Question, duration: Duration) -> io::Result<Sample> {
    let mut connection = connect(port).map_err(io::Error::other)?;
    let mut requests = Requests::new(question, AGENTS, u64::from(std::process::id()) << 20);
    let before = ThreadTimes::of(pid);
    let from = Instant::now() + WARM_UP;
    let mut tally = Tally::new(RECORD_BYTES, from, from + duration);
    while !tally.is_over() {
        let asked = Instant::now();
        match question {
            Question::Lookup => get(&mut connection, &requests.next_name())?,
            _ => set(&mut connection, &requests.next_record()).map_err(io::Error::other)?,
        }
        tally.count(asked);
    }
    let processor = ThreadTimes::of(pid).since(&before);
    Ok(tally.finish(processor, inspect::resident_bytes(pid)))
}

fn get(connection: &mut Connection, name: &str) -> io::Result<()> {
    let value: Vec<u8> = cmd("GET").arg(key(name)).query(connection).map_err(io::Error::other)?;
    let is_record = value.len() == RECORD_BYTES && value.starts_with(b"{\"host\"");
    is_record.then_some(()).ok_or_else(|| unexpected("not a record", &value))
}

fn set(connection: &mut Connection, (name, record): &(String, String)) -> RedisResult<()> {
    cmd("SET").arg(key(name)).arg(record).exec(connection)
}
