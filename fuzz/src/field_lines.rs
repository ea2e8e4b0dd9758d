//! An HTTP head by its lines, as RFC 9112 has them and no looser, and what docs/protocol.md, "HTTP in detail", makes of
//! it. Shares no code with the door or with httparse.

/// The longest head, in bytes, and the most fields of one.
const MAX_HEAD: usize = 8192;
const MAX_FIELDS: usize = 64;
/// The largest body, in bytes.
const MAX_BODY: usize = 131_072;

/// A head, taken apart.
#[derive(Debug)]
pub struct Lines<'a> {
    /// The request line's first word.
    pub method: &'a str,
    /// Its second.
    pub target: &'a str,
    /// The digit behind `HTTP/1.`.
    pub minor: u8,
    fields: Vec<(String, &'a [u8])>,
}

impl<'a> Lines<'a> {
    /// The lines of `head`, its last empty one included; `None` where one of them is not well-formed.
    pub fn read(head: &'a [u8]) -> Option<Lines<'a>> {
        let mut lines = lines(head.strip_suffix(b"\r\n\r\n")?)?.into_iter();
        let request_line = std::str::from_utf8(lines.next()?).ok()?;
        let [method, target, version] = request_line.split(' ').collect::<Vec<_>>()[..] else { return None };
        let minor = match version {
            "HTTP/1.0" => 0,
            "HTTP/1.1" => 1,
            _ => return None,
        };
        let graphic = !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic());
        let fields: Vec<_> = lines.map(field).collect::<Option<_>>()?;
        (graphic && head.len() <= MAX_HEAD && fields.len() <= MAX_FIELDS).then_some(Lines {
            method,
            target,
            minor,
            fields,
        })
    }

    /// The values of the fields with this name, which is in small letters.
    pub fn values(&self, name: &str) -> Vec<&'a [u8]> {
        self.fields.iter().filter(|(given, _)| given == name).map(|(_, value)| *value).collect()
    }

    /// Whether the contract takes such a request as far as its head goes.
    pub fn are_taken(&self) -> bool {
        const METHODS: &str = "GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH";
        let hosts = self.values("host");
        METHODS.split(' ').any(|known| known == self.method)
            && hosts.len() <= 1
            && (hosts.len() == 1 || self.minor == 0)
            && hosts.iter().all(|host| host.iter().all(u8::is_ascii_graphic))
            && self.authority().is_none_or(|authority| !authority.is_empty())
            && self.values("transfer-encoding").is_empty()
            && self.values("content-type").len() <= 1
            && self.body().is_some()
    }

    /// What stands between `http://` and the path, where the target is such a URL.
    pub fn authority(&self) -> Option<&'a str> {
        let (scheme, rest) = self.target.split_at_checked("http://".len())?;
        scheme.eq_ignore_ascii_case("http://").then(|| rest.split(['/', '?', '#']).next().unwrap_or_default())
    }

    /// How many bytes the body has; `None` where the fields don't tell it, or tell of too many.
    pub fn body(&self) -> Option<usize> {
        match self.values("content-length")[..] {
            [] => Some(0),
            [value] if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                let digits = std::str::from_utf8(value).ok()?;
                digits.parse().ok().filter(|&length| length <= MAX_BODY)
            }
            _ => None,
        }
    }
}

/// The lines of a head, without what ends them; `None` where one ends in anything but CR LF.
fn lines(head: &[u8]) -> Option<Vec<&[u8]>> {
    let mut lines = Vec::new();
    for line in head.split(|&byte| byte == b'\n') {
        lines.push(line);
    }
    let last = lines.pop()?;
    let mut ended: Vec<&[u8]> =
        lines.into_iter().map(|line| line.strip_suffix(b"\r")).collect::<Option<_>>()?;
    ended.push(last);
    ended.iter().all(|line| !line.contains(&b'\r') && !line.contains(&0)).then_some(ended)
}

/// A field's name, in small letters, and its value without the white space around it.
fn field(line: &[u8]) -> Option<(String, &[u8])> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = (std::str::from_utf8(&line[..colon]).ok()?, trimmed(&line[colon + 1..]));
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let is_name = !name.is_empty() && name.chars().all(token);
    let is_value = value.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7F));
    (is_name && is_value).then(|| (name.to_ascii_lowercase(), value))
}

/// `value` without the optional white space of RFC 9110, section 5.6.3, around it: of all control characters only a tab.
fn trimmed(value: &[u8]) -> &[u8] {
    let text = |&byte: &u8| byte != b' ' && byte != b'\t';
    let start = value.iter().position(text).unwrap_or(value.len());
    let end = value.iter().rposition(text).map_or(start, |last| last + 1);
    &value[start..end]
}
