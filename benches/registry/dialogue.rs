//! A ZMTP peer's side of the talk: what it says to what it hears, from the greeting on. It never touches a socket.

use std::io;

use crate::dialect::{Piece, unexpected};
use crate::zmtp::{GREETING, frame, ready};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Greeting,
    Handshake,
    Open,
}

/// A REQ or DEALER peer's side of a connection.
pub(crate) struct Dialogue {
    socket_type: &'static str,
    phase: Phase,
}

impl Dialogue {
    pub(crate) const fn new(socket_type: &'static str) -> Self {
        Self { socket_type, phase: Phase::Greeting }
    }

    pub(crate) fn opening(&self) -> Vec<u8> {
        GREETING.to_vec()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// The greeting, command or frame at the start of the input, as `Dialect::take` has it.
    pub(crate) fn take<'a>(
        &mut self,
        input: &'a [u8],
        output: &mut Vec<u8>,
    ) -> io::Result<Option<Piece<'a>>> {
        if self.phase == Phase::Greeting {
            return self.greeted(input, output);
        }
        let Some(frame) = frame(input) else { return Ok(None) };
        let (size, is_delimiter) = (frame.size, frame.more && frame.body.is_empty());
        match self.phase {
            Phase::Handshake if frame.is_command && frame.body.starts_with(b"\x05READY") => {
                self.phase = Phase::Open;
                Ok(Some(Piece { size, reply: None }))
            }
            Phase::Open if is_delimiter => Ok(Some(Piece { size, reply: None })),
            Phase::Open if !frame.more && !frame.is_command => {
                Ok(Some(Piece { size, reply: Some(frame.body) }))
            }
            Phase::Open => Err(unexpected("not a reply of one frame", frame.body)),
            _ => Err(unexpected("no READY", frame.body)),
        }
    }

    fn greeted<'a>(&mut self, input: &[u8], output: &mut Vec<u8>) -> io::Result<Option<Piece<'a>>> {
        let size = GREETING.len();
        if input.len() < size {
            return Ok(None);
        }
        if input[0] != 0xFF || input[10] < 3 || !input[12..].starts_with(b"NULL\0") {
            return Err(unexpected("not a ZMTP 3 greeting", &input[..size]));
        }
        output.extend_from_slice(&ready(self.socket_type));
        self.phase = Phase::Handshake;
        Ok(Some(Piece { size, reply: None }))
    }
}
