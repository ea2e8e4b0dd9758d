//! Who is master, as the sentinels of a Redis have it, and word of the moment when another one is. Sentinels that are down are
//! passed over, each for one time limit; whom most of them name is the master. Knows nothing of what is kept there.
//!
//! Redis's documentation asks clients to check a master's ROLE after that, which [`Link::open`] does for every server.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use redis::{Value, cmd};

use super::resp::Said;
use super::tls::Tls;
use super::url::{Endpoint, Place, Secret};
use super::{Failure, Link};

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
}

impl Sentinels<'_> {
    /// The master that most of them name, and who watches for another. Each may take `limit`.
    pub fn master(&self, limit: Duration) -> Result<(Endpoint, Option<Watch>), Failure> {
        let mut named: Vec<(Endpoint, usize)> = Vec::new();
        let mut watch = None;
        let mut last = Failure::NoMaster("there is no sentinel to ask".into());
        for place in self.places {
            match self.ask(place, limit) {
                Ok((link, Some(master))) => {
                    // One that knows no better than to name a master of yesterday may be cut off from the others.
                    match named.iter_mut().find(|(other, _)| *other == master) {
                        Some((_, votes)) => *votes += 1,
                        None => named.push((master, 1)),
                    }
                    watch = watch.or_else(|| Watch::over(link));
                }
                Ok((_, None)) => {
                    let said = format!("the sentinel at {place} knows no master {}", self.service);
                    last = Failure::NoMaster(said);
                }
                Err(failure) => last = Failure::NoMaster(format!("the sentinel at {place}: {failure}")),
            }
            if named.iter().any(|(_, votes)| votes * 2 > self.places.len()) {
                break;
            }
        }
        let most = named.into_iter().max_by_key(|(_, votes)| *votes);
        most.map(|(master, _)| (master, watch)).ok_or(last)
    }

    fn ask(&self, place: &Endpoint, limit: Duration) -> Result<(Link, Option<Endpoint>), Failure> {
        let mut link = Link::connect(&Place::Tcp(place.clone()), self.tls, limit)?;
        link.sign_in(self.user, self.password)?;
        let reply = link.ask(cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(self.service))?;
        Ok((link, endpoint(reply)?))
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
        Some(Watch { link })
    }

    /// Whether it has told since that `service` has another master. An error where it will tell nothing more.
    pub fn has_told_of(&mut self, service: &str) -> Result<bool, Failure> {
        loop {
            while let Some(said) = self.link.inbox.take().map_err(|_| Failure::Malformed)? {
                if is_about(&said, service) {
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
fn is_about(said: &Said, service: &str) -> bool {
    let Said::Value(Value::Array(parts)) = said else { return false };
    let Some(Value::BulkString(text)) = parts.get(2) else { return false };
    text.split(|&byte| byte == b' ').next() == Some(service.as_bytes())
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
        assert!(is_about(&told("mymaster 127.0.0.1 1 127.0.0.1 2"), "mymaster"));
        assert!(!is_about(&told("mymaster2 127.0.0.1 1 127.0.0.1 2"), "mymaster"));
        assert!(!is_about(&Said::TooLong(1), "mymaster"));
    }
}
