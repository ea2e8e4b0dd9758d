//! Redis's wire protocol (RESP2), read from a socket piece by piece: bytes in, whole values out. Only where a value ends is
//! found out here, since the crate's parser reads until it has one, and a socket that must not be waited for gives what it
//! has; the crate then reads the value. Knows no sockets and no commands.

use std::fmt;
use std::io::{self, Read};

use redis::Value;

/// The longest string that is kept, in bytes. What holds records is at most 1 MiB (docs/protocol.md); a longer one is
/// dropped while it is read. One among others is kept all the same: it may be a key of somebody else's.
pub const MAX_STRING: usize = 1024 * 1024;
/// The longest value, all its strings together, in bytes: Redis cuts a subscriber that has 32 MiB unread.
const MAX_VALUE: usize = 64 * 1024 * 1024;
/// The longest line, in bytes: numbers and errors. Nothing that Redis says in one is nearly as long.
const MAX_LINE: usize = 64 * 1024;
/// What one read asks for, in bytes.
const CHUNK: usize = 16 * 1024;
/// Room that is kept while there is nothing to read, in bytes.
const WORTH_KEEPING: usize = 256 * 1024;

/// What Redis said.
#[derive(Debug, PartialEq)]
pub enum Said {
    /// A value; errors of the server are values too.
    Value(Value),
    /// A string of so many bytes, more than [`MAX_STRING`]. It was read and dropped.
    TooLong(usize),
}

/// Bytes that are no RESP2, or a value over the limit. Whatever follows can't be told apart any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("what it sent is not Redis's protocol")
    }
}

/// What has been read and not yet been taken.
#[derive(Default)]
pub struct Inbox {
    /// What has been read, up to `end`, and room for more: made once, since to clear it costs as much as to read.
    bytes: Vec<u8>,
    end: usize,
    /// Where the value begins that is being read.
    start: usize,
    /// How far its end was looked for.
    looked: usize,
    /// How many values more it needs from there: an array of three needs three.
    missing: usize,
    /// A string that is being dropped: its length, and what is still to come of it.
    dropped: Option<(usize, usize)>,
}

impl Inbox {
    /// Reads once from `socket`; 0 is its end.
    pub fn fill(&mut self, socket: &mut impl Read) -> io::Result<usize> {
        if self.start == self.end {
            self.start_over();
        } else if self.start > CHUNK {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.looked, self.end) =
                (0, self.looked.saturating_sub(self.start), self.end - self.start);
        }
        // Large values come in large pieces: as much again as there is, so that the copying stays in proportion.
        let room = self.end + CHUNK.max(self.end - self.start);
        if self.bytes.len() < room {
            self.bytes.resize(room, 0);
        }
        let read = socket.read(&mut self.bytes[self.end..room])?;
        self.end += read;
        Ok(read)
    }

    fn start_over(&mut self) {
        if self.bytes.len() > WORTH_KEEPING {
            self.bytes = Vec::new();
        }
        (self.start, self.looked, self.end) = (0, 0, 0);
    }

    /// The next whole value; `None` until more is read.
    pub fn take(&mut self) -> Result<Option<Said>, Malformed> {
        if let Some(said) = self.drop_on()? {
            return Ok(said);
        }
        if self.missing == 0 {
            self.missing = 1;
            self.looked = self.start;
        }
        while self.missing > 0 {
            if !self.look_on()? {
                // A string too long for the buffer begins here; all of it that came is gone.
                return self.drop_on().map(Option::flatten);
            }
        }
        let value = redis::parse_redis_value(&self.bytes[self.start..self.looked]).map_err(|_| Malformed)?;
        self.start = self.looked;
        Ok(Some(Said::Value(value)))
    }

    /// Goes past one string, number, error, or head of an array. False where it isn't whole yet.
    fn look_on(&mut self) -> Result<bool, Malformed> {
        let rest = &self.bytes[self.looked..self.end];
        // No further than a line may go, however much has come, so that a limit is the same for whoever sends in pieces.
        let Some(end) = rest.windows(2).take(MAX_LINE + 1).position(|two| two == b"\r\n") else {
            return if rest.len() > MAX_LINE + 1 { Err(Malformed) } else { Ok(false) };
        };
        let number = || std::str::from_utf8(&rest[1..end]).ok()?.parse::<i64>().ok();
        let mut whole = end + 2;
        let mut needed = 0;
        match rest[0] {
            b'+' | b'-' => {}
            b':' => drop(number().ok_or(Malformed)?),
            b'$' => {
                let length = number().ok_or(Malformed)?;
                if let Ok(length) = usize::try_from(length) {
                    whole += length.checked_add(2).ok_or(Malformed)?;
                    if length > MAX_STRING && self.looked == self.start {
                        self.dropped = Some((length, whole));
                        return Ok(false);
                    }
                }
            }
            b'*' => needed = usize::try_from(number().ok_or(Malformed)?).unwrap_or(0),
            _ => return Err(Malformed),
        }
        if self.looked - self.start + whole > MAX_VALUE || needed > MAX_VALUE / 4 {
            return Err(Malformed);
        }
        if rest.len() < whole {
            return Ok(false);
        }
        self.looked += whole;
        self.missing += needed;
        self.missing -= 1;
        Ok(true)
    }

    /// `Some(None)`: a string is being dropped, and its end hasn't come.
    fn drop_on(&mut self) -> Result<Option<Option<Said>>, Malformed> {
        let Some((length, left)) = self.dropped else { return Ok(None) };
        let here = left.min(self.end - self.start);
        self.start += here;
        self.dropped = Some((length, left - here));
        if left > here {
            return Ok(Some(None));
        }
        self.dropped = None;
        self.missing = 0;
        Ok(Some(Some(Said::TooLong(length))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What comes out where `bytes` are read `step` at a time.
    fn read(bytes: &[u8], step: usize) -> Result<Vec<Said>, Malformed> {
        let mut inbox = Inbox::default();
        let mut all = Vec::new();
        for mut piece in bytes.chunks(step) {
            while !piece.is_empty() {
                inbox.fill(&mut piece).expect("a slice reads");
                while let Some(said) = inbox.take()? {
                    all.push(said);
                }
            }
        }
        Ok(all)
    }

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn values_are_whole_however_they_come() {
        let bytes = b"+OK\r\n:7\r\n$-1\r\n$5\r\na\r\nbc\r\n*2\r\n$1\r\na\r\n*1\r\n:1\r\n*-1\r\n*0\r\n-ERR no\r\n$0\r\n\r\n";
        let whole = read(bytes, bytes.len()).expect("RESP2");
        assert_eq!(whole.len(), 9);
        assert_eq!(whole[..4], [Value::Okay, Value::Int(7), Value::Nil, bulk("a\r\nbc")].map(Said::Value));
        let nested = Value::Array(vec![bulk("a"), Value::Array(vec![Value::Int(1)])]);
        assert_eq!(whole[4], Said::Value(nested));
        assert!(matches!(&whole[7], Said::Value(Value::ServerError(error)) if error.code() == "ERR"));
        for step in 1..=bytes.len() {
            assert_eq!(read(bytes, step).as_ref(), Ok(&whole), "{step} at a time");
        }
    }

    #[test]
    fn a_string_too_long_is_dropped_and_what_follows_is_read() {
        let long = MAX_STRING + 1;
        let bytes = [format!("${long}\r\n").into_bytes(), vec![b'x'; long], b"\r\n+OK\r\n".to_vec()].concat();
        for step in [1000, 16 * 1024, bytes.len()] {
            let said = read(&bytes, step).expect("RESP2");
            assert_eq!(said, [Said::TooLong(long), Said::Value(Value::Okay)], "{step} at a time");
        }
        let mut inbox = Inbox::default();
        for mut piece in bytes.chunks(4096) {
            inbox.fill(&mut piece).expect("a slice reads");
            while inbox.take().expect("RESP2").is_some() {}
            assert!(inbox.bytes.len() < MAX_STRING / 2, "{} bytes are held", inbox.bytes.len());
        }
        let longest =
            [format!("${MAX_STRING}\r\n").into_bytes(), vec![b'x'; MAX_STRING], b"\r\n".to_vec()].concat();
        assert_eq!(read(&longest, 65536).expect("RESP2").len(), 1);
        let among_others = [&b"*2\r\n:1\r\n"[..], &bytes].concat();
        let said = read(&among_others, 65536).expect("RESP2");
        let others = Value::Array(vec![Value::Int(1), bulk(&"x".repeat(long))]);
        assert_eq!(said, [Said::Value(others), Said::Value(Value::Okay)]);
    }

    /// A socket whose reads always end inside a value never leaves the room empty.
    #[test]
    fn what_has_been_taken_makes_room() {
        let value = [b"$1000\r\n".to_vec(), vec![b'x'; 1000], b"\r\n".to_vec()].concat();
        let bytes = value.repeat(1000);
        let mut inbox = Inbox::default();
        let mut taken = 0;
        let (first, rest) = bytes.split_at(500);
        for mut piece in [first].into_iter().chain(rest.chunks(value.len() * 20)) {
            while !piece.is_empty() {
                inbox.fill(&mut piece).expect("a slice reads");
                while let Some(said) = inbox.take().expect("RESP2") {
                    assert_eq!(said, Said::Value(bulk(&"x".repeat(1000))));
                    taken += 1;
                }
            }
            assert!(inbox.bytes.len() <= 4 * CHUNK, "{} bytes are held", inbox.bytes.len());
        }
        assert_eq!(taken, 1000);
    }

    #[test]
    fn what_is_no_resp_is_refused() {
        for wrong in [
            "HTTP/1.1 200 OK\r\n",
            "$x\r\n",
            ":\r\n",
            "*1\r\nx\r\n",
            "$99999999999999999999\r\n",
            "*99999999\r\n",
        ] {
            assert_eq!(read(wrong.as_bytes(), 3), Err(Malformed), "{wrong}");
        }
    }

    #[test]
    fn a_line_is_as_long_as_it_may_be_however_it_comes() {
        for (length, fits) in [(MAX_LINE, true), (MAX_LINE + 1, false)] {
            let bytes = format!("+{}\r\n+OK\r\n", "x".repeat(length - 1));
            for step in [1000, CHUNK, bytes.len()] {
                assert_eq!(read(bytes.as_bytes(), step).is_ok(), fits, "{length} bytes, {step} at a time");
            }
        }
        // Nor is the end of one waited for that is too long already.
        assert_eq!(read(&vec![b'-'; MAX_LINE + 2], CHUNK), Err(Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop::sample::select(b"+-:$*0123456789\r\nab".to_vec()), 0..60)) {
            let _ = read(&bytes, 7);
        }
    }
}
