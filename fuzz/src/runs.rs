//! A notation for long runs of one byte, since many rules are about sizes and a fuzzer does best with small inputs:
//! 0x1F, a byte, decimal digits, and a `;` that may be left out, is that byte so many times. 0x1F itself is legal in
//! neither JSON nor HTTP, so no valid input is lost. Knows nothing of what the bytes mean.

/// Stands in front of a run.
const MARK: u8 = 0x1F;
/// The longest that an input gets, in bytes: a little over the largest request. More would only be slow.
const MOST: usize = 129 * 1024;

/// `input` with its runs written out.
pub fn expand(input: &[u8]) -> Vec<u8> {
    expand_to(input, MOST)
}

/// The same, where the longest that it gets is `most` bytes.
pub fn expand_to(input: &[u8], most: usize) -> Vec<u8> {
    let mut expanded = Vec::with_capacity(input.len());
    let mut rest = input;
    while let Some((&first, after)) = rest.split_first() {
        match run(rest, most) {
            Some((byte, times, length)) => {
                expanded.resize((expanded.len() + times).min(most.max(expanded.len())), byte);
                rest = &rest[length..];
            }
            None => {
                expanded.push(first);
                rest = after;
            }
        }
    }
    expanded
}

/// The run that `input` starts with: its byte, how many times that comes, `most` at most, and the length of the notation.
fn run(input: &[u8], most: usize) -> Option<(u8, usize, usize)> {
    let (&byte, digits) = input.strip_prefix(&[MARK])?.split_first()?;
    let count = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
    let times: usize = std::str::from_utf8(&digits[..count]).ok()?.parse().ok()?;
    let end = usize::from(digits.get(count) == Some(&b';'));
    Some((byte, times.min(most), 2 + count + end))
}
