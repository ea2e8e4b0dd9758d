//! The state file, read from its beginning to its end: its lines out, and where the good part ends. What a power failure or a
//! kill in the middle of a write may leave at the end is a torn tail, and not damage. Reads; never writes.

use std::io::{self, BufRead, BufReader, Read};

use super::line::{self, HEADER, MAX_LINE};
use crate::wire::registration::Kept;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The bytes up to the end of the last whole line.
    pub good: u64,
    /// The bytes behind that.
    pub torn: u64,
    /// Registrations and deregistrations.
    pub lines: u64,
}

/// Why a file can't be used.
#[derive(Debug)]
pub enum Unreadable {
    /// The system says why.
    Io(io::Error),
    /// A line, from 1 on, and what is wrong with it.
    Damage(u64, String),
}

/// Reads all lines of `file`, which is at its beginning.
pub fn read(file: impl Read, mut each: impl FnMut(Kept)) -> Result<Extent, Unreadable> {
    let mut input = BufReader::with_capacity(256 * 1024, file);
    let mut extent = Extent::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        // One byte more than a line may have, so that one too long is told from the last.
        let read = input.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line);
        let read = read.map_err(Unreadable::Io)? as u64;
        if line.pop_if(|last| *last == b'\n').is_none() {
            return tail(&line, input, extent);
        }
        let damage = |what| Unreadable::Damage(number(&extent), what);
        if extent.good == 0 {
            line::read_header(&line).map_err(damage)?;
        } else {
            // A region that was never written, as a file system leaves it behind a power failure, ends no line.
            each(line::read(&line).map_err(damage)?);
            extent.lines += 1;
        }
        extent.good += read;
    }
}

/// The number of the line that comes next, from 1 on.
fn number(extent: &Extent) -> u64 {
    if extent.good == 0 { 1 } else { extent.lines + 2 }
}

/// What is behind the last newline; `begin` is all of it, or one byte more than a line may have.
fn tail(begin: &[u8], mut input: impl BufRead, mut extent: Extent) -> Result<Extent, Unreadable> {
    let torn = if begin.len() <= MAX_LINE {
        Some(begin.len() as u64)
    } else {
        nuls(begin, &mut input).map_err(Unreadable::Io)?
    };
    let Some(torn) = torn else {
        let what = format!("it is longer than {MAX_LINE} bytes");
        return Err(Unreadable::Damage(number(&extent), what));
    };
    extent.torn = torn;
    if extent.good == 0 { begun(begin, extent) } else { Ok(extent) }
}

/// How many bytes follow from the start of `line` on, where all of them are NUL.
fn nuls(line: &[u8], input: &mut impl BufRead) -> io::Result<Option<u64>> {
    if line.iter().any(|&byte| byte != 0) {
        return Ok(None);
    }
    let mut count = line.len() as u64;
    loop {
        let piece = input.fill_buf()?;
        if piece.iter().any(|&byte| byte != 0) {
            return Ok(None);
        }
        let length = piece.len();
        if length == 0 {
            return Ok(Some(count));
        }
        count += length as u64;
        input.consume(length);
    }
}

/// A file without a whole line: one that was begun, or somebody else's.
fn begun(line: &[u8], extent: Extent) -> Result<Extent, Unreadable> {
    let text = &line[..line.iter().position(|&byte| byte == 0).unwrap_or(line.len())];
    let is_ours = HEADER.starts_with(text) && line[text.len()..].iter().all(|&byte| byte == 0);
    if is_ours {
        Ok(extent)
    } else {
        line::read_header(line).map(|()| extent).map_err(|what| Unreadable::Damage(1, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RECORD: &str = "{\"agent_id\":\"a\",\"host\":\"h\",\"port\":1,\"metadata\":{\"é\":\"\\n\"}}\n";
    const GONE: &str = "{\"agent_id\":\"a\",\"deregistered\":true}\n";

    fn whole() -> Vec<u8> {
        [HEADER, RECORD.as_bytes(), GONE.as_bytes(), RECORD.as_bytes()].concat()
    }

    /// What is found, or the line that is damaged.
    fn found(bytes: &[u8]) -> Result<Extent, u64> {
        let mut lines = 0;
        match read(bytes, |_| lines += 1) {
            Ok(extent) => {
                assert_eq!(extent.lines, lines);
                Ok(extent)
            }
            Err(Unreadable::Damage(line, _)) => Err(line),
            Err(Unreadable::Io(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn every_prefix_is_read_up_to_its_last_whole_line() {
        let whole = whole();
        for length in 0..=whole.len() {
            let prefix = &whole[..length];
            let good = prefix.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            let lines = prefix.iter().filter(|&&byte| byte == b'\n').count().saturating_sub(1);
            let expected = Extent { good: good as u64, torn: (length - good) as u64, lines: lines as u64 };
            assert_eq!(found(prefix), Ok(expected), "{length}");
            // The same where the file system had made room for more.
            let padded = [prefix, &[0; 100]].concat();
            assert_eq!(found(&padded), Ok(Extent { torn: expected.torn + 100, ..expected }), "{length}");
        }
    }

    #[test]
    fn a_tail_of_nothing_but_nuls_may_be_long() {
        let nuls = [whole(), vec![0; 3 * MAX_LINE]].concat();
        assert_eq!(found(&nuls).map(|extent| extent.torn), Ok(3 * MAX_LINE as u64));
        let other = [nuls, vec![b'x']].concat();
        assert_eq!(found(&other), Err(5));
        let long = [whole(), vec![b'x'; MAX_LINE]].concat();
        assert_eq!(found(&long).map(|extent| extent.torn), Ok(MAX_LINE as u64));
        let longer = [whole(), vec![b'x'; MAX_LINE + 1]].concat();
        assert_eq!(found(&longer), Err(5));
    }

    #[test]
    fn damage_is_where_it_is() {
        let whole = whole();
        let starts: Vec<usize> =
            [0].into_iter().chain((1..whole.len()).filter(|&at| whole[at - 1] == b'\n')).collect();
        for (line, start) in starts.iter().enumerate() {
            let mut damaged = whole.clone();
            damaged[*start] = b'x';
            assert_eq!(found(&damaged), Err(line as u64 + 1));
        }
        assert_eq!(found(b"no state file"), Err(1));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0usize..200) {
            let mut damaged = whole();
            let at = at.min(damaged.len());
            damaged.splice(at..at, bytes);
            let _ = found(&damaged);
        }
    }
}
