//! The target of the classifier: whatever a connection sends, its first byte decides, and the verdict is the table's in
//! docs/protocol.md, "Ports". Nobody else's code is needed to say what is right.

use crate::classify::{Spoken, classify};

/// Tries one connection's bytes.
pub fn target(sent: &[u8]) {
    let expected = match sent.first() {
        None => Spoken::Silent,
        Some(0x01 | 0xFF) => Spoken::Zmtp,
        Some(b'A'..=b'Z' | b'a'..=b'z') => Spoken::Http,
        Some(_) => Spoken::Neither,
    };
    assert_eq!(classify(sent), expected);
    // However much of it has come.
    for end in 1..=sent.len() {
        assert_eq!(classify(&sent[..end]), expected, "{end} bytes of it");
    }
}
