//! What a client speaks, ZMTP or HTTP, as bytes in and bytes out. It never touches a socket.

use std::io::{self, ErrorKind};

use crate::dialogue::Dialogue;
use crate::http;

/// One connection's side of the talk.
pub(crate) enum Dialect {
    Zmtp(Dialogue),
    Http,
}

/// What stood at the start of the input: a greeting, a command, a frame, an answer.
pub(crate) struct Piece<'a> {
    /// Bytes on the wire.
    pub(crate) size: usize,
    /// Its body, where it answers a request.
    pub(crate) reply: Option<&'a [u8]>,
}

impl Dialect {
    /// What is said before anything was heard.
    pub(crate) fn opening(&self) -> Vec<u8> {
        match self {
            Self::Zmtp(dialogue) => dialogue.opening(),
            Self::Http => Vec::new(),
        }
    }

    /// Whether requests may be sent.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Zmtp(dialogue) => dialogue.is_open(),
            Self::Http => true,
        }
    }

    pub(crate) fn put_request(&self, body: &[u8], output: &mut Vec<u8>) {
        match self {
            Self::Zmtp(_) => crate::zmtp::put_envelope(body, output),
            Self::Http => http::put_request(body, output),
        }
    }

    /// Takes the next piece of the input, and says to `output` what is to be said at once; none as long as the piece
    /// isn't whole.
    pub(crate) fn take<'a>(
        &mut self,
        input: &'a [u8],
        output: &mut Vec<u8>,
    ) -> io::Result<Option<Piece<'a>>> {
        match self {
            Self::Zmtp(dialogue) => dialogue.take(input, output),
            Self::Http => http::take(input),
        }
    }
}

/// An error that shows what came.
pub(crate) fn unexpected(what: &str, bytes: &[u8]) -> io::Error {
    let shown = &bytes[..bytes.len().min(300)];
    io::Error::new(ErrorKind::InvalidData, format!("{what}: {} bytes: {}", bytes.len(), shown.escape_ascii()))
}
