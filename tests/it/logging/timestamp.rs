//! A line that starts with an RFC 3339 time stamp in UTC with milliseconds, taken apart. Strict: it is what tells the
//! daemon's own lines from all others.

/// A line of the log.
pub(crate) struct Stamped<'a> {
    /// The stamp as a count that grows with time within a month.
    pub(crate) milliseconds: u64,
    /// What follows the stamp and one space.
    pub(crate) rest: &'a str,
}

impl Stamped<'_> {
    /// `None` where the line does not start with a stamp.
    pub(crate) fn parse(line: &str) -> Option<Stamped<'_>> {
        const FORM: &str = "dddd-dd-ddTdd:dd:dd.ddd";
        let (stamp, rest) = line.split_once("Z ")?;
        let fits = |(byte, form): (u8, u8)| if form == b'd' { byte.is_ascii_digit() } else { byte == form };
        if stamp.len() != FORM.len() || !stamp.bytes().zip(FORM.bytes()).all(fits) {
            return None;
        }
        let number = |from: usize, to: usize| stamp[from..to].parse::<u64>().ok();
        let minutes = (number(8, 10)? * 24 + number(11, 13)?) * 60 + number(14, 16)?;
        Some(Stamped { milliseconds: (minutes * 60 + number(17, 19)?) * 1000 + number(20, 23)?, rest })
    }
}
