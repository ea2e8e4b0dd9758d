//! Why Redis can't be asked, or didn't do as asked: texts for a person that hold nothing secret, and what it means for the
//! connection. No text of a library or of a server passes through unless it can't hold what we sent.

use std::fmt;
use std::io;
use std::time::Duration;

use redis::ServerError;

use crate::quote::shown;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The system says why: connection refused, no route, no such file.
    Io(String),
    /// No answer within so long.
    Silent(Duration),
    /// The other end has closed the connection.
    Closed,
    /// What came is no RESP.
    Malformed,
    /// The string asked for is so long, in bytes, that it was dropped. The connection is as good as before.
    TooLong(usize),
    /// The user or the password is wrong, or missing; the server's code.
    SignIn(String),
    /// The file with the password could not be read.
    PasswordFile(String),
    /// The server is a replica.
    Replica,
    /// No sentinel names a master.
    NoMaster(String),
    /// The server refused the command: its code and its text.
    Refused {
        /// The first word, such as `OOM`.
        code: String,
        /// The rest, cut and escaped.
        text: String,
    },
}

impl Failure {
    pub(super) fn from_io(error: &io::Error, limit: Duration) -> Failure {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Failure::Silent(limit),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
                Failure::Closed
            }
            io::ErrorKind::ConnectionRefused => Failure::Io("connection refused".into()),
            _ => Failure::Io(error.to_string()),
        }
    }

    /// What an error of the server means.
    pub fn from_server(error: &ServerError) -> Failure {
        match error.code() {
            "NOAUTH" | "WRONGPASS" => Failure::SignIn(error.code().to_owned()),
            "READONLY" => Failure::Replica,
            code => Failure::Refused {
                code: shown(code),
                text: shown(error.details().unwrap_or_default().trim().trim_end_matches('.')),
            },
        }
    }

    /// Whether the connection, or the server behind it, is of no more use.
    pub fn is_fatal(&self) -> bool {
        match self {
            Failure::TooLong(_) => false,
            Failure::Refused { code, .. } => {
                matches!(code.as_str(), "LOADING" | "MASTERDOWN" | "BUSY" | "UNKILLABLE")
            }
            _ => true,
        }
    }

    /// Whether a person who was told of this one learns nothing from the other.
    pub fn is_like(&self, other: &Failure) -> bool {
        self == other || matches!((self, other), (Failure::Silent(_), Failure::Silent(_)))
    }

    /// Whether the server only doesn't have that command, or doesn't let us use it.
    pub fn is_about_the_command(&self) -> bool {
        matches!(self, Failure::Refused { code, .. } if code == "ERR" || code == "NOPERM")
    }

    /// Whether the key holds something else than a string.
    pub fn is_wrong_type(&self) -> bool {
        matches!(self, Failure::Refused { code, .. } if code == "WRONGTYPE")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Io(text) | Failure::PasswordFile(text) | Failure::NoMaster(text) => {
                formatter.write_str(text)
            }
            Failure::Silent(limit) => write!(formatter, "no answer within {} ms", limit.as_millis()),
            Failure::Closed => formatter.write_str("it closed the connection"),
            Failure::Malformed => formatter.write_str("what it sent is not Redis's protocol"),
            Failure::TooLong(length) => write!(formatter, "a value of {length} bytes is too long"),
            Failure::SignIn(code) => write!(formatter, "user or password is wrong or missing ({code})"),
            Failure::Replica => formatter.write_str("it is a replica, not a master"),
            Failure::Refused { code, text } if code == "LOADING" => {
                let _ = text;
                formatter.write_str("it is loading its data")
            }
            Failure::Refused { code, text } => write!(formatter, "it refused: {code} {text}"),
        }
    }
}
