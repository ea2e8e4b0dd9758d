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

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn what_is_shown_is_short_and_printable() {
        assert_eq!(shown(r#""it's" \o/"#), r#""it's" \o/"#);
        assert_eq!(shown("a\nb\u{1b}[31m\u{2028}\u{202e}é"), "a\\nb\\u{1b}[31m\\u{2028}\\u{202e}é");
        assert_eq!(shown(&"x".repeat(64)), "x".repeat(64));
        assert_eq!(shown(&"x".repeat(65)), "x".repeat(64) + "…");
    }
}
