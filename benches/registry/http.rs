//! HTTP/1.1 as a client that asks once a connection speaks it. Pure: it never touches a socket, and knows nothing of
//! agents.

use std::io::{self, Write};

use crate::dialect::{Piece, unexpected};

/// More than an answer has.
const FIELDS: usize = 16;

pub(crate) fn put_request(body: &[u8], output: &mut Vec<u8>) {
    let length = body.len();
    write!(
        output,
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    )
    .expect("memory takes what is written");
    output.extend_from_slice(body);
}

/// The answer at the start of the input; none as long as it isn't whole, an error when it isn't a 200 with a length.
pub(crate) fn take(input: &[u8]) -> io::Result<Option<Piece<'_>>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut answer = httparse::Response::new(&mut fields);
    let head = match answer.parse(input) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(unexpected(&error.to_string(), input)),
    };
    let length = answer.headers.iter().find(|field| field.name.eq_ignore_ascii_case("Content-Length"));
    let length = length.and_then(|field| str::from_utf8(field.value).ok()?.parse::<usize>().ok());
    match (answer.code, length) {
        (Some(200), Some(length)) => {
            let size = head + length;
            Ok(input.get(head..size).map(|body| Piece { size, reply: Some(body) }))
        }
        _ => Err(unexpected("not a 200 with a length", input)),
    }
}
