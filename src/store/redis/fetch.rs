//! Records read from Redis: which keys there are, and what is in those asked for. A value that isn't a record is told to the
//! log, once, and is nothing. Knows no mirror.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use redis::{Cmd, ServerError, Value, cmd};

use super::keys::Keys;
use super::mirror::{Fetched, Millis, NEVER};
use crate::announcer::Announcer;
use crate::link::resp::MAX_STRING;
use crate::link::{Failure, Link};
use crate::quote::shown;
use crate::wire::registration;

/// How many keys a step of a scan looks at.
const STEP: usize = 1000;
/// How many records are asked for at once: what is done with them takes a processor from lookups without a pause.
pub(super) const BATCH: usize = 200;
/// How many bytes of each are asked for at first, and one more. Most records have a few hundred.
const MOST: usize = 4096;
/// How many bytes of long records are asked for at once, and a record more. They come within one time limit, over a slow network
/// as well.
const BYTES: usize = 512 * 1024;

/// How many keys are remembered to have been told; then they are told again.
const MOST_TOLD: usize = 100_000;

/// Reads records over a connection of its own.
pub(super) struct Reader<'a> {
    pub(super) link: &'a mut Link,
    pub(super) keys: &'a Keys,
    pub(super) strangers: &'a mut Strangers,
    /// Tells the moment on the mirror's clock.
    pub(super) now: &'a dyn Fn() -> Millis,
}

/// Keys whose values were told to be no records: their hashes, since there may be many, and any length of them.
pub(super) struct Strangers {
    told: HashSet<u64>,
    announcer: Announcer,
}

/// A record that was asked for.
pub(super) type Answer = (Box<str>, Fetched);

impl Reader<'_> {
    /// One step of a scan: where the next one begins, 0 at the end, and names.
    pub(super) fn scan(&mut self, cursor: u64) -> Result<(u64, Vec<Box<str>>), Failure> {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(self.keys.pattern()).arg("COUNT").arg(STEP);
        let Value::Array(reply) = self.link.ask(&scan)? else { return Err(Failure::Malformed) };
        let Ok([Value::BulkString(cursor), Value::Array(keys)]) = <[Value; 2]>::try_from(reply) else {
            return Err(Failure::Malformed);
        };
        let cursor = String::from_utf8_lossy(&cursor).parse().map_err(|_| Failure::Malformed)?;
        let mut names = Vec::with_capacity(keys.len());
        for key in keys {
            let Value::BulkString(key) = key else { return Err(Failure::Malformed) };
            match self.keys.name(&key) {
                Some(name) => names.push(name.into()),
                None => self.strangers.tell(&key, "no agent can have this name"),
            }
        }
        Ok((cursor, names))
    }

    /// What is there for each of these names, [`BATCH`] at most: the beginning of each, which most often is all of it.
    pub(super) fn fetch(&mut self, names: &[Box<str>]) -> Result<Vec<Answer>, Failure> {
        let about = |command: &str, name: &str| cmd(command).arg(self.keys.key(name)).to_owned();
        let beginning = |name: &str| about("GETRANGE", name).arg(0).arg(MOST).to_owned();
        let asked = names.iter().flat_map(|name| [about("PTTL", name), beginning(name)]);
        let replies = self.link.ask_all(&asked.collect::<Vec<Cmd>>())?;
        let now = (self.now)();
        let mut answers = Vec::with_capacity(names.len());
        let mut longer = Vec::new();
        for (name, replies) in names.iter().cloned().zip(replies.chunks(2)) {
            let fetched = match (expiry(&replies[0], now)?, &replies[1]) {
                (_, Value::BulkString(json)) if json.len() > MOST => {
                    longer.push(name);
                    continue;
                }
                // One that was to expire may have done so between the two.
                (expiry, Value::BulkString(json)) if json.is_empty() && expiry.is_ending() => {
                    self.strangers.forget(self.keys, &name);
                    Fetched::Nothing
                }
                (expiry, Value::BulkString(json)) => self.record(&name, json, expiry.moment()),
                (_, Value::ServerError(error)) => self.no_string(&name, error)?,
                _ => return Err(Failure::Malformed),
            };
            answers.push((name, fetched));
        }
        answers.extend(self.fetch_long(&longer)?);
        Ok(answers)
    }

    /// What is there for each of these. Their lengths come first: a value of 10 MB is never asked for.
    fn fetch_long(&mut self, names: &[Box<str>]) -> Result<Vec<Answer>, Failure> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let about = |command: &str, name: &str| cmd(command).arg(self.keys.key(name)).to_owned();
        let asked = names.iter().flat_map(|name| [about("PTTL", name), about("STRLEN", name)]);
        let replies = self.link.ask_all(&asked.collect::<Vec<Cmd>>())?;
        let now = (self.now)();
        let mut answers = Vec::new();
        let mut wanted: Vec<(Box<str>, Millis)> = Vec::new();
        let mut bytes = 0;
        for (name, replies) in names.iter().cloned().zip(replies.chunks(2)) {
            let expires = expiry(&replies[0], now)?.moment();
            match &replies[1] {
                Value::Int(length) => match usize::try_from(*length).map_err(|_| Failure::Malformed)? {
                    length if length <= MAX_STRING => {
                        bytes += length;
                        wanted.push((name, expires));
                    }
                    length => {
                        self.strangers.tell_name(self.keys, &name, &format!("it is {length} bytes long"));
                        answers.push((name, Fetched::TooLong));
                    }
                },
                Value::ServerError(error) => {
                    let fetched = self.no_string(&name, error)?;
                    answers.push((name, fetched));
                }
                _ => return Err(Failure::Malformed),
            }
            if bytes >= BYTES {
                answers.extend(self.values(std::mem::take(&mut wanted))?);
                bytes = 0;
            }
        }
        answers.extend(self.values(wanted)?);
        Ok(answers)
    }

    /// What an error says of a key that was to hold a string.
    fn no_string(&mut self, name: &str, error: &ServerError) -> Result<Fetched, Failure> {
        match Failure::from_server(error) {
            failure if failure.is_wrong_type() => {
                self.strangers.tell_name(self.keys, name, "it is not a string");
                Ok(Fetched::Nothing)
            }
            failure => Err(failure),
        }
    }

    fn values(&mut self, wanted: Vec<(Box<str>, Millis)>) -> Result<Vec<Answer>, Failure> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let mut get = cmd("MGET");
        for (name, _) in &wanted {
            get.arg(self.keys.key(name));
        }
        let Value::Array(values) = self.link.ask(&get)? else { return Err(Failure::Malformed) };
        let answers = wanted.into_iter().zip(values).map(|((name, expires), value)| {
            let fetched = match value {
                // It has grown since.
                Value::BulkString(json) if json.len() > MAX_STRING => Fetched::TooLong,
                Value::BulkString(json) => self.record(&name, &json, expires),
                _ => {
                    self.strangers.forget(self.keys, &name);
                    Fetched::Nothing
                }
            };
            (name, fetched)
        });
        Ok(answers.collect())
    }

    fn record(&mut self, name: &str, json: &[u8], expires: Millis) -> Fetched {
        match registration::stored(name, json) {
            Ok(record) => {
                self.strangers.forget(self.keys, name);
                Fetched::Record(record, expires)
            }
            Err(fault) => {
                self.strangers.tell_name(self.keys, name, &fault.text);
                Fetched::Nothing
            }
        }
    }
}

/// When a key goes by itself.
enum Expiry {
    NoKey,
    At(Millis),
}

impl Expiry {
    /// Whether there is no such key, or soon none.
    fn is_ending(&self) -> bool {
        !matches!(self, Expiry::At(NEVER))
    }

    fn moment(&self) -> Millis {
        match self {
            Expiry::NoKey => NEVER,
            Expiry::At(moment) => *moment,
        }
    }
}

/// PTTL: the milliseconds left, -1 where the key doesn't expire, -2 where there is none.
fn expiry(reply: &Value, now: Millis) -> Result<Expiry, Failure> {
    match reply {
        Value::Int(-2) => Ok(Expiry::NoKey),
        Value::Int(left) => Ok(Expiry::At(u64::try_from(*left).map_or(NEVER, |left| now + left))),
        Value::ServerError(error) => Err(Failure::from_server(error)),
        _ => Err(Failure::Malformed),
    }
}

impl Strangers {
    pub(super) fn new(announcer: Announcer) -> Strangers {
        Strangers { told: HashSet::new(), announcer }
    }

    fn tell_name(&mut self, keys: &Keys, name: &str, why: &str) {
        self.tell(keys.key(name).as_bytes(), why);
    }

    fn tell(&mut self, key: &[u8], why: &str) {
        if self.told.len() >= MOST_TOLD {
            self.told.clear();
        }
        if self.told.insert(hash(key)) {
            let key = String::from_utf8_lossy(key).into_owned();
            self.announcer
                .info(|| format!("the Redis key {} holds no agent, and is passed over: {why}", shown(&key)));
        }
    }

    /// What was no record may have become one; should it be none again, that is news.
    fn forget(&mut self, keys: &Keys, name: &str) {
        if !self.told.is_empty() {
            self.told.remove(&hash(keys.key(name).as_bytes()));
        }
    }
}

fn hash(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
