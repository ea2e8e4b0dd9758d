//! Where the values of RESP2, Redis's wire protocol, end in bytes that are all there: a second opinion on how the registry
//! reads them piece by piece, so it shares nothing with that, and prefers plain to fast. What a value says is the redis
//! crate's to tell.

use redis::Value;

/// The longest string that is kept, in bytes.
const MAX_STRING: usize = 1024 * 1024;
/// The longest line, in bytes.
const MAX_LINE: usize = 64 * 1024;
/// The longest value, in bytes.
const MAX_VALUE: usize = 64 * 1024 * 1024;
/// The most members that an array may announce.
const MAX_MEMBERS: usize = MAX_VALUE / 4;

/// What a row of bytes says.
#[derive(Debug, PartialEq)]
pub enum Meaning {
    /// A value.
    Value(Value),
    /// A string of so many bytes that it isn't kept.
    TooLong(usize),
    /// What can be no value, whatever follows. It is the last.
    Malformed,
}

/// Each value that `sent` has the whole of, with its place.
pub fn meanings(sent: &[u8]) -> Vec<(usize, usize, Meaning)> {
    let mut meanings = Vec::new();
    let mut start = 0;
    while let Some((end, meaning)) = first(&sent[start..]) {
        let last = meaning == Meaning::Malformed;
        meanings.push((start, start + end, meaning));
        if last {
            break;
        }
        start += end;
    }
    meanings
}

/// The value that `sent` begins with, and its length.
fn first(sent: &[u8]) -> Option<(usize, Meaning)> {
    let mut end = 0;
    // For each array that has begun, how many members are still to come.
    let mut open: Vec<usize> = Vec::new();
    loop {
        let Piece { length, members } = match piece(&sent[end..]) {
            Ok(piece) => piece?,
            Err(Broken) => return Some((sent.len(), Meaning::Malformed)),
        };
        if let (0, Some(string)) = (end, too_long(sent)) {
            return (length <= sent.len()).then_some((length, Meaning::TooLong(string)));
        }
        end += length;
        if end > MAX_VALUE {
            return Some((sent.len(), Meaning::Malformed));
        }
        if end > sent.len() {
            return None;
        }
        if members > 0 {
            open.push(members);
            continue;
        }
        while let Some(members) = open.last_mut() {
            *members -= 1;
            if *members > 0 {
                break;
            }
            open.pop();
        }
        if open.is_empty() {
            let value = redis::parse_redis_value(&sent[..end]);
            return Some((end, value.map_or(Meaning::Malformed, Meaning::Value)));
        }
    }
}

/// A line, or a string with the line in front.
struct Piece {
    length: usize,
    /// Where it opens an array, how many values follow in that.
    members: usize,
}

struct Broken;

/// The piece that `sent` begins with, though it may end later; `None` where its line doesn't end here.
fn piece(sent: &[u8]) -> Result<Option<Piece>, Broken> {
    let Some(line) = line(sent)? else { return Ok(None) };
    let (kind, rest) = line.split_first().ok_or(Broken)?;
    let (mut length, mut members) = (line.len() + 2, 0);
    match kind {
        b'+' | b'-' => {}
        b':' => drop(number(rest).ok_or(Broken)?),
        b'$' => match number(rest).ok_or(Broken)? {
            ..0 => {}
            string => length += usize::try_from(string).map_err(|_| Broken)? + 2,
        },
        b'*' => members = usize::try_from(number(rest).ok_or(Broken)?.max(0)).map_err(|_| Broken)?,
        _ => return Err(Broken),
    }
    if members > MAX_MEMBERS { Err(Broken) } else { Ok(Some(Piece { length, members })) }
}

fn line(sent: &[u8]) -> Result<Option<&[u8]>, Broken> {
    let most = &sent[..sent.len().min(MAX_LINE + 2)];
    match most.windows(2).position(|two| two == b"\r\n") {
        Some(end) => Ok(Some(&sent[..end])),
        None if sent.len() > MAX_LINE + 1 => Err(Broken),
        None => Ok(None),
    }
}

/// The length of the string that `sent` begins with, where that isn't kept.
pub fn too_long(sent: &[u8]) -> Option<usize> {
    let line = line(sent).ok()??;
    let length = usize::try_from(number(line.strip_prefix(b"$")?)?).ok()?;
    (length > MAX_STRING).then_some(length)
}

/// A sign or none, and digits.
fn number(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let sign = if text.starts_with(b"-") { -1 } else { 1 };
    let value = digits.iter().try_fold(0i128, |value, digit| {
        let value = value * 10 + i128::from(digit - b'0');
        (value <= 1 << 64).then_some(value)
    })?;
    i64::try_from(sign * value).ok()
}
