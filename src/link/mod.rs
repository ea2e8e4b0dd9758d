//! A connection to Redis: commands out, values in, one time limit for all that is asked at once. After a failure that
//! [breaks](Failure::is_fatal) it a connection is of no more use, since an answer may still be under way; it is dropped, and
//! nothing here connects again by itself. Knows no records.

mod failure;
pub mod resp;
pub mod sentinel;
mod socket;
pub mod subscription;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
pub mod tls;
pub mod url;

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use redis::{Cmd, Value, cmd};

pub use failure::Failure;
use resp::{Inbox, Said};
use socket::Socket;
use tls::Tls;
use url::{Place, Secret, Url};

/// How much later than its limit an answer may come, to spare system calls where answers are quick.
const WORTH_SHORTENING: Duration = Duration::from_millis(10);

/// Where it is written whom an encrypted connection trusts, and who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The CAs that may issue a server's certificate; without it those of the system.
    pub ca: Option<PathBuf>,
    /// Our own certificate and its key, for a server that asks for one.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// An open connection, signed in, with its database chosen.
pub struct Link {
    socket: Socket,
    inbox: Inbox,
    limit: Duration,
    /// Whether the socket's own limits are shorter at the moment.
    shortened: bool,
}

impl Link {
    /// Connects to the server at `place` as `url` says, with `password` where the URL has none, and asks it for its role: only
    /// a master will do. It is encrypted where `tls` is there. All of it together may take twice `limit`, and each later call `limit`.
    pub fn open(
        url: &Url,
        place: &Place,
        password: Option<&Secret>,
        tls: Option<&Tls>,
        limit: Duration,
    ) -> Result<Link, Failure> {
        let mut link = Link::connect(place, tls, limit)?;
        link.sign_in(url.user.as_deref(), url.password.as_ref().or(password))?;
        let mut commands = Vec::new();
        if url.db != 0 {
            commands.push(cmd("SELECT").arg(url.db).to_owned());
        }
        // While it loads its records, ROLE is answered as ever, and PING is not.
        commands.extend([cmd("PING"), cmd("ROLE")]);
        let mut replies = link.ask_all(&commands)?;
        let role = replies.pop().unwrap_or_default();
        is_a_masters(role)?;
        let refused = replies.into_iter().filter_map(|reply| accepted(reply).err());
        // A Redis that can't write to its disk refuses PING (MISCONF), and reads on.
        let serious = |failure: &Failure| failure.is_fatal() || failure.is_about_the_command();
        refused.into_iter().find(serious).map_or(Ok(link), Err)
    }

    /// Asks for the server's role again: only a master will do.
    pub fn check_role(&mut self) -> Result<(), Failure> {
        let role = self.ask_all(&[cmd("ROLE")])?.pop().unwrap_or_default();
        is_a_masters(role)
    }

    /// A bare connection: nothing said, nothing asked.
    fn connect(place: &Place, tls: Option<&Tls>, limit: Duration) -> Result<Link, Failure> {
        let failed = |error: io::Error| Failure::from_io(&error, limit);
        let socket = Socket::open(place, tls, limit).map_err(failed)?;
        socket.set_limits(limit).map_err(failed)?;
        Ok(Link { socket, inbox: Inbox::default(), limit, shortened: false })
    }

    fn sign_in(&mut self, user: Option<&str>, password: Option<&Secret>) -> Result<(), Failure> {
        let Some(password) = password else { return Ok(()) };
        let mut auth = cmd("AUTH");
        if let Some(user) = user {
            auth.arg(user);
        }
        auth.arg(password.expose());
        match self.ask_all(&[auth])?.pop() {
            // A server that doesn't know AUTH quotes what it was told: not one word of such an answer is passed on.
            Some(Value::ServerError(error)) if error.details() == Some("max number of clients reached") => {
                Err(Failure::Io("it has no room for another client (maxclients)".into()))
            }
            Some(Value::ServerError(error)) => Err(Failure::SignIn(error.code().to_owned())),
            _ => Ok(()),
        }
    }

    /// The answer to one command; an error of the server is a [`Failure`].
    pub fn ask(&mut self, command: &Cmd) -> Result<Value, Failure> {
        let end = Instant::now() + self.limit;
        self.send(&command.get_packed_command())?;
        match self.receive(end)? {
            Said::Value(value) => accepted(value),
            Said::TooLong(length) => Err(Failure::TooLong(length)),
        }
    }

    /// The answers to several commands, sent together; errors of the server are values among them.
    pub fn ask_all(&mut self, commands: &[Cmd]) -> Result<Vec<Value>, Failure> {
        let mut packed = Vec::new();
        commands.iter().for_each(|command| command.write_packed_command(&mut packed));
        let end = Instant::now() + self.limit;
        self.send(&packed)?;
        let mut replies = Vec::with_capacity(commands.len());
        for _ in commands {
            replies.push(match self.receive(end)? {
                Said::Value(value) => value,
                // Nobody asks for what may be long among others: the length was asked before.
                Said::TooLong(_) => Value::Nil,
            });
        }
        Ok(replies)
    }

    fn send(&mut self, packed: &[u8]) -> Result<(), Failure> {
        if self.shortened {
            self.socket.set_limits(self.limit).map_err(|error| self.failed(&error))?;
            self.shortened = false;
        }
        self.socket.write_all(packed).map_err(|error| self.failed(&error))
    }

    fn receive(&mut self, end: Instant) -> Result<Said, Failure> {
        loop {
            if let Some(said) = self.inbox.take().map_err(|_| Failure::Malformed)? {
                return Ok(said);
            }
            // The socket's limit is for one read; all answers, in however many pieces, have no more than that together.
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Failure::Silent(self.limit));
            }
            if left + WORTH_SHORTENING < self.limit {
                self.socket.set_limits(left).map_err(|error| self.failed(&error))?;
                self.shortened = true;
            }
            match self.inbox.fill(&mut self.socket) {
                Ok(0) => return Err(Failure::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(&error)),
            }
        }
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::from_io(error, self.limit)
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn is_a_masters(role: Value) -> Result<(), Failure> {
    match accepted(role) {
        Ok(Value::Array(role)) if role.first() == Some(&Value::BulkString(b"slave".to_vec())) => {
            Err(Failure::Replica)
        }
        Ok(_) => Ok(()),
        Err(failure) if failure.is_about_the_command() => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// A value that is no error of the server.
pub fn accepted(value: Value) -> Result<Value, Failure> {
    match value {
        Value::ServerError(error) => Err(Failure::from_server(&error)),
        other => Ok(other),
    }
}
