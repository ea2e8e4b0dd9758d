//! RFC 8259, read by hand into a tree that keeps the text of each token. A second opinion on the parser of the registry,
//! so it shares nothing with it, and prefers plain to fast.

/// The most levels of arrays and objects that a request may have.
const MAX_DEPTH: usize = 64;

/// A JSON value.
#[derive(Clone, Debug)]
pub enum Json {
    /// `null`, `true` or `false`.
    Word(&'static str),
    /// As it was written.
    Number(String),
    /// A string.
    Text(Text),
    /// An array.
    Array(Vec<Json>),
    /// An object; members may be doubled.
    Object(Vec<(Text, Json)>),
}

/// A string: as it was written, quotes included, and what it says.
#[derive(Clone, Debug)]
pub struct Text {
    /// As it was written.
    pub raw: String,
    /// What it says.
    pub value: String,
}

impl Json {
    /// The value as it was written, without white space.
    pub fn compact(&self) -> String {
        match self {
            Json::Word(word) => (*word).to_owned(),
            Json::Number(number) => number.clone(),
            Json::Text(text) => text.raw.clone(),
            Json::Array(items) => {
                format!("[{}]", items.iter().map(Json::compact).collect::<Vec<_>>().join(","))
            }
            Json::Object(members) => {
                let member = |(key, value): &(Text, Json)| format!("{}:{}", key.raw, value.compact());
                format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
            }
        }
    }

    /// The string, where it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(&text.value),
            _ => None,
        }
    }
}

/// `text` as JSON string, with no more escapes than JSON wants.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\u{8}' => quoted += "\\b",
            '\u{c}' => quoted += "\\f",
            '\n' => quoted += "\\n",
            '\r' => quoted += "\\r",
            '\t' => quoted += "\\t",
            control if control < ' ' => quoted += &format!("\\u{:04x}", u32::from(control)),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

/// The one value that `text` is; `None` where it is none, is nested too deep, or holds half of a surrogate pair.
pub fn read(text: &str) -> Option<Json> {
    let mut reader = Reader { rest: text };
    let value = reader.value(MAX_DEPTH)?;
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    fn take_while(&mut self, belongs: fn(char) -> bool) -> &'a str {
        let (taken, rest) = self.rest.split_at(self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// A value with the white space around it; `levels` are left for what is nested.
    fn value(&mut self, levels: usize) -> Option<Json> {
        self.space();
        let value = match self.rest.chars().next()? {
            '{' => self.sequence(["{", "}"], levels, Reader::member).map(Json::Object),
            '[' => self.sequence(["[", "]"], levels, Reader::value).map(Json::Array),
            '"' => self.text().map(Json::Text),
            '-' | '0'..='9' => self.number().map(Json::Number),
            _ => {
                let word = ["null", "true", "false"].into_iter().find(|word| self.rest.starts_with(word))?;
                self.take(word).map(|()| Json::Word(word))
            }
        };
        self.space();
        value
    }

    fn sequence<T>(
        &mut self,
        [open, close]: [&str; 2],
        levels: usize,
        item: fn(&mut Self, usize) -> Option<T>,
    ) -> Option<Vec<T>> {
        let levels = levels.checked_sub(1)?;
        self.take(open)?;
        self.space();
        let mut items = Vec::new();
        if self.take(close).is_some() {
            return Some(items);
        }
        loop {
            items.push(item(self, levels)?);
            if self.take(close).is_some() {
                return Some(items);
            }
            self.take(",")?;
        }
    }

    fn member(&mut self, levels: usize) -> Option<(Text, Json)> {
        self.space();
        let key = self.text()?;
        self.space();
        self.take(":")?;
        Some((key, self.value(levels)?))
    }

    fn number(&mut self) -> Option<String> {
        let start = self.rest;
        let digit = |c: char| c.is_ascii_digit();
        let _ = self.take("-");
        let whole = self.take_while(digit);
        if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
            return None;
        }
        if self.take(".").is_some() && self.take_while(digit).is_empty() {
            return None;
        }
        if self.take("e").or_else(|| self.take("E")).is_some() {
            let _ = self.take("+").or_else(|| self.take("-"));
            if self.take_while(digit).is_empty() {
                return None;
            }
        }
        Some(start[..start.len() - self.rest.len()].to_owned())
    }

    fn text(&mut self) -> Option<Text> {
        let start = self.rest;
        self.take("\"")?;
        let mut value = String::new();
        loop {
            value += self.take_while(|c| c >= ' ' && c != '"' && c != '\\');
            if self.take("\"").is_some() {
                let raw = start[..start.len() - self.rest.len()].to_owned();
                return Some(Text { raw, value });
            }
            self.take("\\")?;
            value.push(self.escaped()?);
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let kind = self.rest.chars().next()?;
        self.rest = &self.rest[kind.len_utf8()..];
        match kind {
            '"' | '\\' | '/' => Some(kind),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'u' => self.unicode(),
            _ => None,
        }
    }

    fn unicode(&mut self) -> Option<char> {
        let mut units = vec![self.unit()?];
        if (0xD800..0xDC00).contains(&units[0]) {
            self.take("\\u")?;
            units.push(self.unit()?);
        }
        String::from_utf16(&units).ok()?.chars().next()
    }

    fn unit(&mut self) -> Option<u16> {
        let digits =
            self.rest.get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        self.rest = &self.rest[4..];
        u16::from_str_radix(digits, 16).ok()
    }
}
