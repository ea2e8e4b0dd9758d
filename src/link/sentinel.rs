//! Who is master, as the sentinels of a Redis have it, and word of the moment when another one is. All of them are asked at
//! once, so that one that is down costs no more than its time limit; of what they name, the youngest counts. Knows nothing of
//! what is kept there.
//!
//! Redis's documentation asks clients to check a master's ROLE after that, which [`Link::open`] does for every server.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::Duration;

use redis::{Value, cmd};

use super::resp::Said;
use super::tls::Tls;
use super::url::{Endpoint, Place, Secret};
use super::{Failure, Link, accepted};

/// Where a sentinel tells that another server is master now.
const CHANNEL: &str = "+switch-master";

/// The sentinels of one service.
pub struct Sentinels<'a> {
    /// Where they are.
    pub places: &'a [Endpoint],
    /// What they know the service by.
    pub service: &'a str,
    /// Who we are to them; a master's password is another one.
    pub user: Option<&'a str>,
    /// And the password for that.
    pub password: Option<&'a Secret>,
    /// What encrypts the connections, where they are.
    pub tls: Option<&'a Tls>,
}

/// A connection on which a sentinel tells of another master. Nothing here waits.
pub struct Watch {
    link: Link,
    /// The one that is known already.
    master: Option<Endpoint>,
}

/// What a sentinel says.
struct Named {
    master: Endpoint,
    /// The number of the failover that made it master (`config-epoch`): of two, the higher one came later. Most sentinels must
    /// agree to a number, so one that is cut off from the others never has a higher one.
    epoch: u64,
    link: Link,
}

impl Sentinels<'_> {
    /// The masters that they name, that of the last failover first, and who watches for another. All are asked at once, and each
    /// may take `limit` to be connected to and for each answer.
    pub fn masters(&self, limit: Duration) -> Result<(Vec<Endpoint>, Vec<Watch>), Failure> {
        let answers: Vec<Result<Named, Failure>> = thread::scope(|scope| {
            let asked = self.places.iter().map(|place| {
                let ask = move || self.ask(place, limit);
                thread::Builder::new().name("sentinel".into()).spawn_scoped(scope, ask)
            });
            let asked: Vec<_> = asked.collect();
            let answer = |asked: io::Result<thread::ScopedJoinHandle<'_, _>>| match asked {
                Ok(asked) => asked.join().unwrap_or(Err(Failure::Malformed)),
                Err(error) => Err(Failure::Io(error.to_string())),
            };
            asked.into_iter().map(answer).collect()
        });
        let mut named = Vec::new();
        let mut last = Failure::NoMaster("there is no sentinel to ask".into());
        for answer in answers {
            match answer {
                Ok(master) => named.push(master),
                Err(failure) => last = failure,
            }
        }
        let masters = by_age(named.iter().map(|named| (named.epoch, &named.master)).collect());
        if masters.is_empty() {
            return Err(last);
        }
        Ok((masters, named.into_iter().filter_map(|named| Watch::over(named.link)).collect()))
    }

    fn ask(&self, place: &Endpoint, limit: Duration) -> Result<Named, Failure> {
        let no_master = |why: String| Failure::NoMaster(format!("the sentinel at {place}{why}"));
        match self.answer(place, limit) {
            Ok((link, Some(master), epoch)) => Ok(Named { master, epoch, link }),
            Ok((_, None, _)) => Err(no_master(format!(" knows no master {}", self.service))),
            Err(failure) => Err(no_master(format!(": {failure}"))),
        }
    }

    fn answer(&self, place: &Endpoint, limit: Duration) -> Result<(Link, Option<Endpoint>, u64), Failure> {
        let mut link = Link::connect(&Place::Tcp(place.clone()), self.tls, limit)?;
        link.sign_in(self.user, self.password)?;
        let about = |what: &str| cmd("SENTINEL").arg(what).arg(self.service).to_owned();
        let mut replies = link.ask_all(&[about("GET-MASTER-ADDR-BY-NAME"), about("MASTER")])?;
        // Who may not ask for all that is known of a master may still ask where it is.
        let epoch = epoch(&replies.pop().unwrap_or_default()).unwrap_or(0);
        let master = endpoint(accepted(replies.pop().unwrap_or_default())?)?;
        Ok((link, master, epoch))
    }
}

/// Masters, that of the highest epoch first; where several are named in one, that of most.
fn by_age(named: Vec<(u64, &Endpoint)>) -> Vec<Endpoint> {
    let votes = |says: &(u64, &Endpoint)| named.iter().filter(|other| *other == says).count();
    let mut sorted = named.clone();
    sorted.sort_by_key(|says| std::cmp::Reverse((says.0, votes(says))));
    let mut masters: Vec<Endpoint> = Vec::new();
    for (_, master) in sorted {
        if !masters.contains(master) {
            masters.push(master.clone());
        }
    }
    masters
}

/// The value behind `config-epoch` in a list of names and values.
fn epoch(reply: &Value) -> Option<u64> {
    let Value::Array(parts) = reply else { return None };
    let is_epoch = |pair: &&[Value]| pair.first() == Some(&Value::BulkString(b"config-epoch".to_vec()));
    match parts.chunks(2).find(is_epoch)? {
        [_, Value::BulkString(epoch)] => std::str::from_utf8(epoch).ok()?.parse().ok(),
        _ => None,
    }
}

/// Host and port, or nil.
fn endpoint(reply: Value) -> Result<Option<Endpoint>, Failure> {
    let parts = match reply {
        Value::Nil => return Ok(None),
        Value::Array(parts) => parts,
        _ => return Err(Failure::Malformed),
    };
    let Ok([Value::BulkString(host), Value::BulkString(port)]) = <[Value; 2]>::try_from(parts) else {
        return Err(Failure::Malformed);
    };
    let text = |bytes| String::from_utf8(bytes).map_err(|_| Failure::Malformed);
    let port = text(port)?.parse().map_err(|_| Failure::Malformed)?;
    Ok(Some(Endpoint { host: text(host)?, port }))
}

impl Watch {
    /// A sentinel that doesn't take the subscription is none to watch by.
    fn over(mut link: Link) -> Option<Watch> {
        link.ask(cmd("SUBSCRIBE").arg(CHANNEL)).ok()?;
        link.socket.wait_for_nothing().ok()?;
        Some(Watch { link, master: None })
    }

    /// Notes who is known to be master.
    pub fn expect(&mut self, master: &Endpoint) {
        self.master = Some(master.clone());
    }

    /// Whether it has told since that `service` has another master than the one that is known. An error where it will tell
    /// nothing more.
    pub fn has_told_of(&mut self, service: &str) -> Result<bool, Failure> {
        loop {
            while let Some(said) = self.link.inbox.take().map_err(|_| Failure::Malformed)? {
                if new_master(&said, service).is_some_and(|master| Some(master) != self.master) {
                    return Ok(true);
                }
            }
            match self.link.inbox.fill(&mut self.link.socket) {
                Ok(0) => return Err(Failure::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.link.failed(&error)),
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}

/// `message`, the channel, and `<service> <old host> <old port> <new host> <new port>`.
fn new_master(said: &Said, service: &str) -> Option<Endpoint> {
    let Said::Value(Value::Array(parts)) = said else { return None };
    let Some(Value::BulkString(text)) = parts.get(2) else { return None };
    let mut words = std::str::from_utf8(text).ok()?.split(' ');
    if words.next() != Some(service) {
        return None;
    }
    let (host, port) = (words.nth(2)?, words.next()?);
    Some(Endpoint { host: host.to_owned(), port: port.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn a_master_is_a_host_and_a_port() {
        let master = endpoint(Value::Array(vec![bulk("::1"), bulk("6379")])).expect("a reply");
        assert_eq!(master, Some(Endpoint { host: "::1".into(), port: 6379 }));
        assert_eq!(endpoint(Value::Nil), Ok(None));
        for wrong in [vec![bulk("h")], vec![bulk("h"), bulk("70000")], vec![Value::Nil, Value::Nil], vec![]] {
            assert_eq!(endpoint(Value::Array(wrong)), Err(Failure::Malformed));
        }
    }

    #[test]
    fn a_switch_is_of_one_service() {
        let told = |text| Said::Value(Value::Array(vec![bulk("message"), bulk(CHANNEL), bulk(text)]));
        let second = Endpoint { host: "127.0.0.2".into(), port: 2 };
        let switch = "mymaster 127.0.0.1 1 127.0.0.2 2";
        assert_eq!(new_master(&told(switch), "mymaster"), Some(second));
        for other in [
            "mymaster2 127.0.0.1 1 127.0.0.2 2",
            "mymaster 127.0.0.1 1 127.0.0.2",
            "mymaster 127.0.0.1 1 127.0.0.2 x",
        ] {
            assert_eq!(new_master(&told(other), "mymaster"), None, "{other}");
        }
        assert_eq!(new_master(&Said::TooLong(1), "mymaster"), None);
    }

    #[test]
    fn the_number_of_a_failover_is_read() {
        let pairs = |pairs: &[&str]| Value::Array(pairs.iter().map(|text| bulk(text)).collect());
        assert_eq!(epoch(&pairs(&["name", "config-epoch", "config-epoch", "7"])), Some(7));
        for without in [&["name", "config-epoch"][..], &["config-epoch"], &["config-epoch", "x"], &[]] {
            assert_eq!(epoch(&pairs(without)), None, "{without:?}");
        }
        assert_eq!(epoch(&Value::Nil), None);
    }

    /// Sentinels hear of a failover one after the other: until then most of them name the master of before.
    #[test]
    fn the_master_of_the_last_failover_counts() {
        let [first, second] = [1, 2].map(|port| Endpoint { host: "h".into(), port });
        let ports = |named| by_age(named).iter().map(|master| master.port).collect::<Vec<_>>();
        assert_eq!(ports(vec![(1, &first), (1, &first), (2, &second)]), [2, 1]);
        assert_eq!(ports(vec![(2, &second), (1, &first), (1, &first)]), [2, 1]);
        assert_eq!(ports(vec![(0, &first), (0, &second), (0, &second)]), [2, 1]);
        assert_eq!(ports(vec![(0, &second), (0, &second), (0, &first)]), [2, 1]);
        assert_eq!(ports(vec![(3, &first), (3, &first)]), [1]);
        assert!(ports(vec![]).is_empty());
    }
}
