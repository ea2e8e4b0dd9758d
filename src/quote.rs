//! What came from outside, made fit for a person's eyes: in an error's text, in a log line. Pure.

/// How much of it is shown, in characters.
const SHOWN: usize = 64;

/// `text` cut, and with everything unprintable in it escaped.
pub fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        match character {
            _ if count == SHOWN => return shown + "…",
            '"' | '\'' | '\\' => shown.push(character),
            other => shown.extend(other.escape_debug()),
        }
    }
    shown
}

/// An agent's name for a log line: as it is, or in quotes where it could pass for more than a name.
pub fn name(name: &str) -> String {
    if name.contains(|c: char| c.is_whitespace() || c == '"') {
        return format!("{name:?}");
    }
    name.escape_debug().to_string()
}

/// A number of bytes in the largest unit that tells it exactly: `256 MiB`.
pub fn size(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let exact = units.iter().find(|(shift, _)| bytes.trailing_zeros() >= *shift);
    exact.map_or_else(|| format!("{bytes} bytes"), |(shift, unit)| format!("{} {unit}", bytes >> shift))
}

/// So many of something, as a person writes it: `1 record`, `1,204 records`.
pub fn count(number: usize, what: &str) -> String {
    let digits = number.to_string();
    let mut written = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    let plural = if number == 1 { "" } else { "s" };
    format!("{written} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_passes_for_nothing_else() {
        for (given, logged) in [
            ("Agent-1", "Agent-1"),
            ("T at h:1", "\"T at h:1\""),
            (" ", "\" \""),
            ("a\u{2028}", "\"a\\u{2028}\""),
        ] {
            assert_eq!(name(given), logged);
        }
    }

    #[test]
    fn a_size_is_exact() {
        for (bytes, expected) in
            [(1 << 28, "256 MiB"), (1 << 40, "1 TiB"), (1536, "1536 bytes"), (2048, "2 KiB")]
        {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn a_count_is_written_as_people_write_it() {
        for (number, expected) in [
            (0, "0 records"),
            (1, "1 record"),
            (999, "999 records"),
            (1204, "1,204 records"),
            (100_000, "100,000 records"),
            (1_234_567, "1,234,567 records"),
        ] {
            assert_eq!(count(number, "record"), expected);
        }
    }

    #[test]
    fn what_is_shown_is_short_and_printable() {
        assert_eq!(shown(r#""it's" \o/"#), r#""it's" \o/"#);
        assert_eq!(shown("a\nb\u{1b}[31m\u{2028}\u{202e}é"), "a\\nb\\u{1b}[31m\\u{2028}\\u{202e}é");
        assert_eq!(shown(&"x".repeat(64)), "x".repeat(64));
        assert_eq!(shown(&"x".repeat(65)), "x".repeat(64) + "…");
    }
}
