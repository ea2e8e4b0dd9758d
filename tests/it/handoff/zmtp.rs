//! A REQ peer of ZMTP written by hand from the specifications (13/ZMTP 1.0, 15/ZMTP 2.0, 23/ZMTP 3.0, 37/ZMTP 3.1),
//! so that the daemon meets peers other than this build's libzmq. It speaks over any stream and knows nothing of the
//! daemon or of JSON. What it gets and did not expect is a panic that shows the bytes.

use std::io::{ErrorKind, Read, Write};

/// Which ZMTP a peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1_0,
    V2_0,
    V3_0,
    V3_1,
}

impl Version {
    /// Its handshake goes on after the greeting.
    fn has_commands(self) -> bool {
        matches!(self, Version::V3_0 | Version::V3_1)
    }
}

pub(crate) const VERSIONS: [Version; 4] = [Version::V1_0, Version::V2_0, Version::V3_0, Version::V3_1];

/// A frame as it was on the wire: for ZMTP 1.0 the header's flags hold MORE only.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) more: bool,
    pub(crate) command: bool,
    pub(crate) body: Vec<u8>,
}

const SIGNATURE: [u8; 10] = [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F];
const SOCKET_TYPE_REQ: u8 = 3;
const SOCKET_TYPE_REP: u8 = 4;
const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// Every byte an anonymous REQ peer sends before it needs an answer of the other side.
pub(crate) fn greeting(version: Version) -> Vec<u8> {
    greeting_as(version, b"")
}

fn greeting_as(version: Version, identity: &[u8]) -> Vec<u8> {
    let minor = match version {
        Version::V1_0 => return frame_1_0(0, identity),
        // Revision 1, the socket type, and the identity.
        Version::V2_0 => {
            return [&SIGNATURE[..], &[1, SOCKET_TYPE_REQ], &frame_2_0(0, identity)].concat();
        }
        Version::V3_0 => 0,
        Version::V3_1 => 1,
    };
    let mut mechanism = [0; 20];
    mechanism[..4].copy_from_slice(b"NULL");
    [&SIGNATURE[..], &[3, minor], &mechanism, &[0; 32]].concat()
}

/// What a peer says that waits for nothing: greeting, handshake, and a message of these frames where there are any.
/// (libzmq takes no message of ZMTP 3.x before it has sent its own half of the handshake.)
pub(crate) fn blurt(version: Version, frames: &[&[u8]]) -> Vec<u8> {
    let handshake = if version.has_commands() { frame_2_0(COMMAND, &ready_command(b"")) } else { vec![] };
    [greeting(version), handshake, message(version, frames)].concat()
}

/// A connection whose both sides have said who they are.
pub(crate) struct Peer<S> {
    stream: S,
    version: Version,
}

impl<S: Read + Write> Peer<S> {
    /// Greets over a fresh connection, all of the greeting in one write.
    pub(crate) fn meet(stream: S, version: Version) -> Peer<S> {
        Peer::meet_as(stream, version, b"")
    }

    /// The same under this ZMQ identity.
    pub(crate) fn meet_as(mut stream: S, version: Version, identity: &[u8]) -> Peer<S> {
        stream.write_all(&greeting_as(version, identity)).expect("sending the greeting");
        Peer::greeted_as(stream, version, identity)
    }

    /// Goes on where `greeting(version)` has been sent already, in whatever way.
    pub(crate) fn greeted(stream: S, version: Version) -> Peer<S> {
        Peer::greeted_as(stream, version, b"")
    }

    fn greeted_as(stream: S, version: Version, identity: &[u8]) -> Peer<S> {
        let mut peer = Peer { stream, version };
        peer.expect_greeting();
        if version.has_commands() {
            peer.send_frame(COMMAND, &ready_command(identity));
            peer.expect_ready();
        }
        peer
    }

    /// Goes on where [`blurt`] has been sent already.
    pub(crate) fn blurted(stream: S, version: Version) -> Peer<S> {
        let mut peer = Peer { stream, version };
        peer.expect_greeting();
        if version.has_commands() {
            peer.expect_ready();
        }
        peer
    }

    fn expect_greeting(&mut self) {
        match self.version {
            Version::V1_0 => self.expect_greeting_1_0(),
            Version::V2_0 => self.expect_greeting_2_0(),
            Version::V3_0 | Version::V3_1 => self.expect_greeting_3_x(),
        }
    }

    fn expect_greeting_1_0(&mut self) {
        // The signature reads as the long form of an empty identity frame to a peer of 1.0.
        let signature = self.bytes(10);
        assert_eq!(signature, SIGNATURE, "the identity frame the daemon sends to a ZMTP 1.0 peer");
    }

    fn expect_greeting_2_0(&mut self) {
        let head = self.bytes(12);
        assert_eq!(head[..10], SIGNATURE, "signature in {head:02x?}");
        assert!(head[10] >= 1, "a revision of at least 1 in {head:02x?}");
        assert_eq!(head[11], SOCKET_TYPE_REP, "socket type REP in {head:02x?}");
        let identity = self.frame();
        assert_eq!(identity, Frame { more: false, command: false, body: vec![] }, "the identity frame");
    }

    fn expect_greeting_3_x(&mut self) {
        let head = self.bytes(64);
        assert_eq!((head[0], head[9]), (0xFF, 0x7F), "signature in {head:02x?}");
        assert_eq!(head[10], 3, "major version in {head:02x?}");
        assert_eq!(&head[12..17], b"NULL\0", "mechanism in {head:02x?}");
    }

    fn expect_ready(&mut self) {
        let ready = self.frame();
        assert!(ready.command && ready.body.starts_with(b"\x05READY"), "a READY command, not {ready:02x?}");
        let socket_type = b"\x0bSocket-Type\0\0\0\x03REP";
        assert!(
            ready.body.windows(socket_type.len()).any(|part| part == socket_type),
            "READY of a REP socket, not {ready:02x?}"
        );
    }

    /// One request in the REQ envelope, and the reply's body.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.send_request(request);
        self.reply()
    }

    /// An empty delimiter frame and the request, as one write.
    pub(crate) fn send_request(&mut self, request: &[u8]) {
        self.send(&[b"", request]);
    }

    /// A message of these frames and no others, as one write.
    pub(crate) fn send(&mut self, frames: &[&[u8]]) {
        self.stream.write_all(&message(self.version, frames)).expect("sending a message");
    }

    /// Reads the delimiter and the reply's one frame.
    pub(crate) fn reply(&mut self) -> Vec<u8> {
        let delimiter = self.frame();
        assert_eq!(delimiter, Frame { more: true, command: false, body: vec![] }, "the delimiter frame");
        let reply = self.frame();
        assert!(!reply.more && !reply.command, "one frame of data, not {reply:02x?}");
        reply.body
    }

    /// ZMTP 3.1's PING, whose context must come back in a PONG. Without another word it is over after `ttl` tenths of a
    /// second; 0 is never.
    pub(crate) fn ping(&mut self, ttl: u16, context: &[u8]) -> Frame {
        self.send_frame(COMMAND, &[b"\x04PING", &ttl.to_be_bytes()[..], context].concat());
        self.frame()
    }

    fn send_frame(&mut self, flags: u8, body: &[u8]) {
        self.stream.write_all(&encoded(self.version, flags, body)).expect("sending a frame");
    }

    fn frame(&mut self) -> Frame {
        match self.version {
            Version::V1_0 => self.frame_1_0(),
            _ => self.frame_2_0(),
        }
    }

    fn frame_1_0(&mut self) -> Frame {
        let size = match self.byte() {
            0xFF => self.long_size(),
            size => usize::from(size),
        };
        assert!(size > 0, "a ZMTP 1.0 frame's length counts its flags, so it is not 0");
        let flags = self.byte();
        Frame { more: flags & MORE != 0, command: false, body: self.bytes(size - 1) }
    }

    fn frame_2_0(&mut self) -> Frame {
        let flags = self.byte();
        let size = if flags & LONG != 0 { self.long_size() } else { usize::from(self.byte()) };
        Frame { more: flags & MORE != 0, command: flags & COMMAND != 0, body: self.bytes(size) }
    }

    fn long_size(&mut self) -> usize {
        let bytes: [u8; 8] = self.bytes(8).try_into().expect("eight bytes");
        let size = usize::try_from(u64::from_be_bytes(bytes)).expect("a size");
        assert!(size < 1 << 30, "a frame of {size} bytes, out of {bytes:02x?}");
        size
    }

    fn byte(&mut self) -> u8 {
        self.bytes(1)[0]
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let mut filled = 0;
        while filled < count {
            match self.stream.read(&mut bytes[filled..]) {
                Ok(0) => panic!(
                    "closed after {:02x?}, of {count} bytes awaited ({:?})",
                    &bytes[..filled],
                    self.version
                ),
                Ok(got) => filled += got,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    panic!(
                        "{error} after {:02x?}, of {count} bytes awaited ({:?})",
                        &bytes[..filled],
                        self.version
                    )
                }
            }
        }
        bytes
    }
}

fn ready_command(identity: &[u8]) -> Vec<u8> {
    [&b"\x05READY"[..], &property("Socket-Type", b"REQ"), &property("Identity", identity)].concat()
}

fn property(name: &str, value: &[u8]) -> Vec<u8> {
    let name_length = [u8::try_from(name.len()).expect("a short name")];
    let value_length = u32::try_from(value.len()).expect("a short value").to_be_bytes();
    [&name_length[..], name.as_bytes(), &value_length, value].concat()
}

/// A message of these frames as it is on the wire.
pub(crate) fn message(version: Version, frames: &[&[u8]]) -> Vec<u8> {
    let Some((last, others)) = frames.split_last() else { return vec![] };
    let others = others.iter().flat_map(|body| encoded(version, MORE, body));
    others.chain(encoded(version, 0, last)).collect()
}

fn encoded(version: Version, flags: u8, body: &[u8]) -> Vec<u8> {
    match version {
        Version::V1_0 => frame_1_0(flags, body),
        _ => frame_2_0(flags, body),
    }
}

fn frame_1_0(flags: u8, body: &[u8]) -> Vec<u8> {
    let size = body.len() + 1;
    let length = match u8::try_from(size) {
        Ok(short) if short < 0xFF => vec![short],
        _ => [&[0xFF][..], &(size as u64).to_be_bytes()].concat(),
    };
    [&length[..], &[flags], body].concat()
}

fn frame_2_0(flags: u8, body: &[u8]) -> Vec<u8> {
    match u8::try_from(body.len()) {
        Ok(short) => [&[flags, short][..], body].concat(),
        Err(_) => [&[flags | LONG][..], &(body.len() as u64).to_be_bytes(), body].concat(),
    }
}
