//! One HTTP answer taken apart, as curl and the raw client received it. Strict: what a careful client would refuse
//! panics here with the bytes.

use serde_json::Value;

use crate::agent::shown;

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A whole answer: head and body, after any interim ones such as `100 Continue`.
    pub(crate) fn parse(bytes: &[u8]) -> Answer {
        let (head, body) = split_head(bytes).unwrap_or_else(|| panic!("not a whole head: {}", shown(bytes)));
        let answer = Answer { body: body.to_vec(), ..Answer::parse_head(head) };
        if answer.status < 200 { Answer::parse(body) } else { answer }
    }

    /// A head alone, without its empty line; interim ones count as well.
    pub(crate) fn parse_head(head: &[u8]) -> Answer {
        let head = std::str::from_utf8(head).expect("a head of UTF-8");
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap();
        let status = first.strip_prefix("HTTP/1.1 ").or(first.strip_prefix("HTTP/1.0 "));
        let status = status.and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.unwrap_or_else(|| panic!("not a status line: {first:?}"));
        let headers = lines
            .map(|line| line.split_once(':').unwrap_or_else(|| panic!("not a header line: {line:?}")))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Answer { status, headers, body: Vec::new() }
    }

    /// The one value of this header; `None` where it is absent.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} twice in {:?}", self.headers);
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|e| panic!("{e}: {}", shown(&self.body)))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e} in the body of {self:?}"))
    }
}

/// The head without its empty line, and what follows it.
pub(crate) fn split_head(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    Some((&bytes[..end], &bytes[end + 4..]))
}

/// How many bytes the body after this head has.
pub(crate) fn content_length(head: &[u8]) -> Option<usize> {
    let answer = Answer::parse_head(head);
    answer.header("Content-Length").map(|length| length.parse().expect("Content-Length is a number"))
}
