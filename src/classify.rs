//! Which protocol a connection speaks, by its first byte. Pure: neither sockets nor time.

/// What the first byte of a connection says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// A ZMTP greeting: a signature starts with 0xFF (ZMTP 2.0 and later, RFC 23), a ZMTP 1.0 peer's anonymous greeting
    /// with its length, 0x01 (RFC 13).
    Zmtp,
    /// An HTTP method: an ASCII letter (RFC 9110, section 9.1 lets methods start otherwise, and none does).
    Http,
    /// Nothing that this registry speaks: a TLS hello, for one.
    Neither,
    /// Nothing yet.
    Silent,
}

/// Classifies a connection by what it has sent so far.
pub fn classify(sent: &[u8]) -> Spoken {
    match sent.first() {
        Some(0xFF | 0x01) => Spoken::Zmtp,
        Some(byte) if byte.is_ascii_alphabetic() => Spoken::Http,
        Some(_) => Spoken::Neither,
        None => Spoken::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_first_byte_has_one_verdict_whatever_follows() {
        for byte in 0..=u8::MAX {
            let expected = match byte {
                0x01 | 0xFF => Spoken::Zmtp,
                b'A'..=b'Z' | b'a'..=b'z' => Spoken::Http,
                _ => Spoken::Neither,
            };
            assert_eq!(classify(&[byte]), expected, "{byte:#x}");
            assert_eq!(classify(&[byte, 0xFF, b'G']), expected, "{byte:#x}");
        }
        assert_eq!(classify(&[]), Spoken::Silent);
    }

    #[test]
    fn every_prefix_of_a_greeting_or_request_says_the_same() {
        let greeting = [&[0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0][..], b"NULL"].concat();
        let request = b"POST / HTTP/1.1\r\n\r\n";
        for end in 1..=greeting.len() {
            assert_eq!(classify(&greeting[..end]), Spoken::Zmtp);
        }
        for end in 1..=request.len() {
            assert_eq!(classify(&request[..end]), Spoken::Http);
        }
    }
}
