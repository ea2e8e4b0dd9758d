//! As much of HTTP/2 (RFC 9113) as a gRPC client needs that asks one question at a time: frames, and the head of a
//! request. It decodes no head of an answer. Pure: it never touches a socket, and knows nothing of etcd.

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

/// Of SETTINGS and PING.
pub(crate) const ACK: u8 = 1;
/// Of DATA and HEADERS.
pub(crate) const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const ENABLE_PUSH: u16 = 2;
const INITIAL_WINDOW_SIZE: u16 = 4;
/// The largest window: no answer ever waits for an update.
const WINDOW: u32 = (1 << 31) - 1;
/// What a connection's window is until it is updated.
const FIRST_WINDOW: u32 = 65_535;

/// What a client says first.
pub(crate) fn put_preface(out: &mut Vec<u8>) {
    out.extend_from_slice(PREFACE);
    let mut settings = Vec::new();
    for (setting, value) in [(ENABLE_PUSH, 0), (INITIAL_WINDOW_SIZE, WINDOW)] {
        settings.extend_from_slice(&setting.to_be_bytes());
        settings.extend_from_slice(&value.to_be_bytes());
    }
    put_frame(SETTINGS, 0, 0, &settings, out);
    put_frame(WINDOW_UPDATE, 0, 0, &(WINDOW - FIRST_WINDOW).to_be_bytes(), out);
}

pub(crate) fn put_frame(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// One frame as it came.
pub(crate) struct Frame<'a> {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) payload: &'a [u8],
    /// Bytes on the wire, head included.
    pub(crate) size: usize,
}

/// The frame at the start of `bytes`; none as long as it isn't whole.
pub(crate) fn frame(bytes: &[u8]) -> Option<Frame<'_>> {
    let head = bytes.get(..9)?;
    let size = 9 + u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    Some(Frame { kind: head[3], flags: head[4], payload: bytes.get(9..size)?, size })
}

/// The heads of requests on one connection. The first puts its fields into the server's table (RFC 7541), the others
/// name them by their number there, as gRPC's own clients do.
pub(crate) struct Heads {
    path: &'static str,
    is_known: bool,
}

impl Heads {
    /// All for the same method of the same service.
    pub(crate) const fn new(path: &'static str) -> Self {
        Self { path, is_known: false }
    }

    pub(crate) fn put(&mut self, stream: u32, out: &mut Vec<u8>) {
        // From the table that every connection has: POST, http.
        let mut block = vec![0x80 | 3, 0x80 | 6];
        if self.is_known {
            // The fields below; the last that was added is the first of the table, 62.
            block.extend_from_slice(&[0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62]);
        } else {
            for (name, value) in [
                (":path", self.path),
                (":authority", "localhost"),
                ("content-type", "application/grpc"),
                ("te", "trailers"),
            ] {
                block.push(0x40);
                put_text(name, &mut block);
                put_text(value, &mut block);
            }
            self.is_known = true;
        }
        put_frame(HEADERS, END_HEADERS, stream, &block, out);
    }
}

/// Not compressed, and shorter than 127 bytes.
fn put_text(text: &str, out: &mut Vec<u8>) {
    debug_assert!(text.len() < 127);
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}
