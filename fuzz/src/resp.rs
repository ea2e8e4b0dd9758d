//! The target of Redis's wire protocol: however the bytes of a connection come in, the same values come out, those that
//! `resp2` finds in all of them; and no more is held of what isn't whole than has come of it. Knows no socket.

use std::io::{self, Read};

use crate::link::resp::{Inbox, MAX_STRING, Malformed, Said};
use crate::resp2::{self, Meaning};
use crate::runs;

/// What one read has room for, in bytes, where nothing large is under way.
const CHUNK: usize = 16 * 1024;
/// The longest that an input gets, in bytes: a string that is not kept, and something around it.
const MOST: usize = MAX_STRING + 64 * 1024;
/// In how many pieces an input may come; more take long, and show nothing new.
const PIECES: usize = 256;

/// Tries what Redis sent over one connection.
pub fn target(input: &[u8]) {
    let sent = runs::expand_to(input, MOST);
    let expected = resp2::meanings(&sent);
    for step in [1, 2, 3, 5, 17, 1460, CHUNK, MOST] {
        if sent.len() <= PIECES * step {
            check(&sent, step, &expected);
        }
    }
}

/// So many bytes are sent at a time.
fn check(sent: &[u8], step: usize, expected: &[(usize, usize, Meaning)]) {
    let mut inbox = Inbox::default();
    let mut expected = expected.iter().peekable();
    let mut done = 0;
    let mut socket = Socket { sent, step, read: 0, room: 0 };
    while socket.read < sent.len() {
        let unfinished = &sent[done..socket.read];
        let held = if resp2::too_long(unfinished).is_some() { 0 } else { unfinished.len() };
        let filled = inbox.fill(&mut socket);
        assert!(matches!(filled, Ok(1..)), "{filled:?}, where there is more");
        assert!(socket.room <= CHUNK.max(held), "room for {}, where {held} bytes are held", socket.room);
        loop {
            let said = inbox.take();
            let due = expected.next_if(|(_, end, _)| *end <= socket.read);
            match (said, due) {
                (Ok(Some(Said::Value(value))), Some((_, end, Meaning::Value(meant)))) => {
                    assert_eq!(&value, meant, "{step} at a time");
                    done = *end;
                }
                (Ok(Some(Said::TooLong(length))), Some((_, end, Meaning::TooLong(meant)))) => {
                    assert_eq!(length, *meant, "{step} at a time");
                    done = *end;
                }
                (Ok(None), None) => break,
                // Some of what is wrong shows before all of it is there.
                (Err(Malformed), due) => {
                    let due = due.or_else(|| expected.next());
                    let meant = matches!(due, Some((_, _, Meaning::Malformed)));
                    assert!(meant, "malformed, where {due:?} is due");
                    // Nobody should go on. Who does learns nothing, and that is all.
                    let _ = inbox.fill(&mut socket).map(|_| inbox.take());
                    return;
                }
                (said, due) => panic!("{step} at a time: {said:?}, where {due:?} is due"),
            }
        }
    }
    assert_eq!(expected.next(), None, "{step} at a time, and all has come");
}

/// A socket that has so many bytes at a time, and remembers how many it was asked for.
struct Socket<'a> {
    sent: &'a [u8],
    step: usize,
    read: usize,
    room: usize,
}

impl Read for Socket<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let rest = &self.sent[self.read..];
        let length = rest.len().min(self.step).min(room.len());
        room[..length].copy_from_slice(&rest[..length]);
        self.read += length;
        self.room = room.len();
        Ok(length)
    }
}
