//! ZMTP 3.0 with the NULL mechanism, as bytes (RFC 23): what a REQ or a DEALER peer says, and how to read what
//! it hears. Pure: it never touches a socket, and knows nothing of agents.

/// The whole greeting: signature, version 3.0, mechanism, as-server, filler.
pub(crate) const GREETING: [u8; 64] = greeting();

const MORE: u8 = 0x01;
const LONG: u8 = 0x02;
const COMMAND: u8 = 0x04;

const fn greeting() -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[0] = 0xFF;
    bytes[9] = 0x7F;
    bytes[10] = 3;
    let mechanism = b"NULL";
    let mut at = 0;
    while at < mechanism.len() {
        bytes[12 + at] = mechanism[at];
        at += 1;
    }
    bytes
}

/// The READY command of the NULL mechanism.
pub(crate) fn ready(socket_type: &str) -> Vec<u8> {
    let mut body = b"\x05READY\x0bSocket-Type".to_vec();
    body.extend_from_slice(&(socket_type.len() as u32).to_be_bytes());
    body.extend_from_slice(socket_type.as_bytes());
    let mut command = Vec::new();
    put_frame(COMMAND, &body, &mut command);
    command
}

/// One request as REP expects it: the empty delimiter, then the body.
pub(crate) fn put_envelope(body: &[u8], out: &mut Vec<u8>) {
    put_frame(MORE, &[], out);
    put_frame(0, body, out);
}

fn put_frame(flags: u8, body: &[u8], out: &mut Vec<u8>) {
    match u8::try_from(body.len()) {
        Ok(length) => out.extend_from_slice(&[flags, length]),
        Err(_) => {
            out.push(flags | LONG);
            out.extend_from_slice(&(body.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(body);
}

/// One frame as it came.
pub(crate) struct Frame<'a> {
    pub(crate) is_command: bool,
    pub(crate) more: bool,
    pub(crate) body: &'a [u8],
    /// Bytes on the wire, head included.
    pub(crate) size: usize,
}

/// The frame at the start of `bytes`; none as long as it isn't whole.
pub(crate) fn frame(bytes: &[u8]) -> Option<Frame<'_>> {
    let flags = *bytes.first()?;
    let (head, length) = if flags & LONG == 0 {
        (2_usize, usize::from(*bytes.get(1)?))
    } else {
        let length = bytes.get(1..9)?.try_into().ok()?;
        (9, usize::try_from(u64::from_be_bytes(length)).ok()?)
    };
    let size = head.checked_add(length)?;
    let body = bytes.get(head..size)?;
    Some(Frame { is_command: flags & COMMAND != 0, more: flags & MORE != 0, body, size })
}
