//! What a JSON parser lets through and the contract does not: depth, lone surrogates; and the removal of white space
//! outside strings. One pass over text that may be no JSON at all, so nothing here may assume that it is.

/// The most levels of arrays and objects in a request.
pub const MAX_DEPTH: usize = 64;

/// Why a text is refused before it is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// More than [`MAX_DEPTH`] levels.
    Depth,
    /// Half of a UTF-16 pair in a string (RFC 8259, section 8.2 calls what follows "unpredictable").
    LoneSurrogate,
}

/// Finds the first flaw of `text`. What isn't JSON may pass: the parser says so afterwards.
pub fn check(text: &str) -> Result<(), Flaw> {
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut quoted) = (0, 0usize, false);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' if quoted => at += escape_length(&bytes[at..])? - 1,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(Flaw::Depth);
        }
        at += 1;
    }
    Ok(())
}

/// The length of the escape that `bytes` starts with: 2, or 6 and 12 for `\uXXXX` alone and as a pair.
fn escape_length(bytes: &[u8]) -> Result<usize, Flaw> {
    match code_unit(bytes) {
        None => Ok(2),
        Some(0xDC00..=0xDFFF) => Err(Flaw::LoneSurrogate),
        Some(0xD800..=0xDBFF) => match code_unit(bytes.get(6..).unwrap_or_default()) {
            Some(0xDC00..=0xDFFF) => Ok(12),
            _ => Err(Flaw::LoneSurrogate),
        },
        Some(_) => Ok(6),
    }
}

/// The code unit of a `\uXXXX` at the start of `bytes`.
fn code_unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0u16, |unit, &digit| Some(unit << 4 | (digit as char).to_digit(16)? as u16))
}

/// `json` without the white space outside its strings. `json` is valid.
pub fn compact(json: &str) -> String {
    let mut kept = String::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for character in json.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ' ' | '\t' | '\n' | '\r' if !quoted => continue,
            _ => {}
        }
        kept.push(character);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn depth_counts_only_outside_strings() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert_eq!(check(&nested(64)), Ok(()));
        assert_eq!(check(&nested(65)), Err(Flaw::Depth));
        assert_eq!(check(&"[".repeat(200_000)), Err(Flaw::Depth));
        assert_eq!(check(&format!("\"{}\"", "[".repeat(100))), Ok(()));
        assert_eq!(check(&format!("\"\\\"{}\"", "[".repeat(100))), Ok(()));
        assert_eq!(check(&"[]".repeat(100)), Ok(()));
        let levels = |count: usize, string: &str| "[".repeat(32) + string + &"[".repeat(count - 32);
        for string in ["\"]]]]\",", "\"}\","] {
            assert_eq!(check(&levels(64, string)), Ok(()), "{string}");
            assert_eq!(check(&levels(65, string)), Err(Flaw::Depth), "{string}");
        }
        // A string may end, or go on, right behind an escape.
        for string in [r#""\n""#, r#""\\""#, r#""\u0041""#, r#""\ud83d\ude00""#, r#""\"\\\"""#] {
            assert_eq!(check(&format!("{string}{}", nested(64))), Ok(()), "{string}");
            assert_eq!(check(&format!("{string}{}", nested(65))), Err(Flaw::Depth), "{string}");
        }
    }

    #[test]
    fn surrogates_must_come_in_pairs() {
        for lone in [
            r#""\ud800""#,
            r#""\udc00""#,
            r#""\ud800\ud800""#,
            r#""\ud83dx""#,
            r#""\ud83d\n""#,
            r#""\uD83D"#,
            r#""\n\ud800""#,
            r#""\ud83d\ude00\ude00""#,
            r#""\u0041\udfff""#,
        ] {
            assert_eq!(check(lone), Err(Flaw::LoneSurrogate), "{lone}");
        }
        for fine in [r#""\ud83d\ude00""#, r#""\\ud800""#, r#""\u00e9""#, r#""\u12"#, "\"\\", r"\ud800"] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn white_space_goes_only_outside_strings() {
        assert_eq!(compact(" { \"a b\" :\t[ 1 ,\r\n \"\\\" x\" ] } "), "{\"a b\":[1,\"\\\" x\"]}");
        assert_eq!(compact(r#"["\\", " "]"#), r#"["\\"," "]"#);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = check(&text);
            let _ = compact(&text);
        }

        #[test]
        fn compacting_changes_no_value(items in prop::collection::vec(".*", 0..4)) {
            let pretty = serde_json::to_string_pretty(&items)?;
            prop_assert_eq!(compact(&pretty), serde_json::to_string(&items)?);
        }
    }
}
