//! The first words of other protocols, as their clients say them to a port that they take for theirs: TLS, databases,
//! mail, telephones, file servers. Those that a letter begins look like HTTP, those that 0xFF or 0x01 begins like ZMTP.

use super::entry::{Entry, bad, closed, dropped, refused, served, unfinished, unmet};

/// A ClientHello in a record, with these versions in both.
fn tls_hello(record: [u8; 2], hello: [u8; 2], extensions: &[u8]) -> Vec<u8> {
    let suites = [&[0, 4, 0x13, 0x01, 0xC0, 0x2F, 1, 0][..], &two(extensions.len()), extensions].concat();
    let body = [&hello[..], &[0x5A; 32], &[0], &suites].concat();
    let handshake = [&[1, 0][..], &two(body.len()), &body].concat();
    [&[0x16][..], &record, &two(handshake.len()), &handshake].concat()
}

fn two(length: usize) -> [u8; 2] {
    u16::try_from(length).expect("a short length").to_be_bytes()
}

fn encrypted() -> Vec<Entry> {
    let supports_1_3 = [0, 0x2B, 0, 3, 2, 3, 4];
    vec![
        closed("TLS 1.0 ClientHello", tls_hello([3, 1], [3, 1], &[])),
        closed("TLS 1.1 ClientHello", tls_hello([3, 1], [3, 2], &[])),
        closed("TLS 1.2 ClientHello", tls_hello([3, 1], [3, 3], &[])),
        closed("TLS 1.3 ClientHello", tls_hello([3, 1], [3, 3], &supports_1_3)),
        closed("TLS ClientHello of 16 KiB", tls_hello([3, 3], [3, 3], &[0; 16_000])),
        closed("SSL 3.0 ClientHello", tls_hello([3, 0], [3, 0], &[])),
        closed("SSL 2.0 CLIENT-HELLO", b"\x80\x2E\x01\0\x02\0\x15\0\0\0\x10\x01\0\x80\x03\0\x80".to_vec()),
        closed("TLS alert", b"\x15\x03\x01\0\x02\x02\x46".to_vec()),
        unfinished("SSH", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
        unfinished("SSH-1", "SSH-1.99-Cisco-1.25\r\n"),
        closed("OpenVPN over TCP", b"\0\x0E\x38\x12\x34\x56\x78\x9A\xBC\xDE\xF0\0\0\0\0\0".to_vec()),
    ]
}

fn databases() -> Vec<Entry> {
    vec![
        closed("Redis, RESP", "*1\r\n$4\r\nPING\r\n"),
        unfinished("Redis, inline", "PING\r\n"),
        closed("memcached, binary", [&b"\x80\x0B"[..], &[0; 22]].concat()),
        unfinished("memcached, text", "stats\r\nget key\r\n"),
        closed("MySQL, handshake response", b"\xB4\0\0\x01\x85\xA6\xFF\x19\0\0\0\x01\x21root\0".to_vec()),
        // Its first byte is ZMTP 1.0's, and the second zero would be a frame without even flags.
        dropped("MySQL, COM_QUIT", b"\x01\0\0\0\x01".to_vec()),
        closed("PostgreSQL, SSLRequest", b"\0\0\0\x08\x04\xD2\x16\x2F".to_vec()),
        closed("PostgreSQL, start-up", b"\0\0\0\x17\0\x03\0\0user\0postgres\0\0".to_vec()),
        closed("MongoDB, hello", b"\x3A\0\0\0\x01\0\0\0\0\0\0\0\xD4\x07\0\0\0\0\0\0admin.$cmd\0".to_vec()),
        closed("Cassandra, OPTIONS", b"\x04\0\0\0\x05\0\0\0\0".to_vec()),
        closed("Kafka, ApiVersions", b"\0\0\0\x14\0\x12\0\0\0\0\0\x01\0\x0Arebalancer".to_vec()),
        closed("Microsoft TDS, prelogin", b"\x12\x01\0\x2F\0\0\x01\0\0\0\x1A\0\x06".to_vec()),
        closed("Oracle TNS, connect", b"\0\x3A\0\0\x01\0\0\0\x01\x39\x01\x2C".to_vec()),
        closed("LDAP, bind", b"\x30\x0C\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0".to_vec()),
    ]
}

fn mail_and_talk() -> Vec<Entry> {
    let sip = "OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/TCP nm;branch=foo\r\nMax-Forwards: 70\r\n\r\n";
    let nats = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n";
    vec![
        unfinished("SMTP", "EHLO scanner.example\r\n"),
        unfinished("FTP", "USER anonymous\r\nPASS x\r\n"),
        unfinished("IMAP", "a001 CAPABILITY\r\n"),
        unfinished("IRC", "NICK scanner\r\nUSER scanner 0 * :scanner\r\n"),
        unfinished("NATS", nats),
        bad("SIP", sip),
        bad("RTSP", "OPTIONS rtsp://camera/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
        closed("XMPP", "<?xml version='1.0'?><stream:stream to='x' xmlns='jabber:client'>"),
        closed("MQTT, CONNECT", b"\x10\x10\0\x04MQTT\x04\x02\0\x3C\0\x04scan".to_vec()),
        bad("AMQP 0-9-1", b"AMQP\0\0\x09\x01".to_vec()),
        // Its options fill the signature and a version; more it does not say until it is answered.
        unmet("Telnet", b"\xFF\xFD\x18\xFF\xFD\x20\xFF\xFD\x23\xFF\xFD\x27".to_vec()),
        unmet("BGP, OPEN", [&[0xFF; 16][..], b"\0\x1D\x01\x04\xFD\xE8\0\xB4\x0A\0\0\x01\0"].concat()),
    ]
}

fn desktops_and_files() -> Vec<Entry> {
    let rdp = b"\x03\0\0\x13\x0E\xE0\0\0\0\0\0\x01\0\x08\0\x0B\0\0\0".to_vec();
    vec![
        closed("RDP, connection request", rdp),
        bad("VNC", "RFB 003.008\n"),
        bad("X11", b"l\0\x0B\0\0\0\0\0\0\0\0\0".to_vec()),
        closed("SMB, negotiate", b"\0\0\0\x85\xFFSMBr\0\0\0\0\x18\x53\xC8".to_vec()),
        bad("iSCSI, login", b"C\x87\0\0\0\0\0\x30\0\x02\x3D\0".to_vec()),
        bad("Java RMI", b"JRMI\0\x02K".to_vec()),
        closed("Java objects", b"\xAC\xED\0\x05sr\0\x11java.util.HashMap".to_vec()),
        closed("BitTorrent", b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05".to_vec()),
        closed(
            "DNS over TCP",
            b"\0\x1D\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03".to_vec(),
        ),
        closed("SOCKS 4", b"\x04\x01\x1B\xBC\x7F\0\0\x01scanner\0".to_vec()),
        closed("SOCKS 5", b"\x05\x02\0\x02".to_vec()),
        closed("ident", "6193, 23\r\n"),
        closed("a printer's PJL", b"\x1B%-12345X@PJL INFO ID\r\n".to_vec()),
    ]
}

/// What HTTP clients say that want more than HTTP/1.1, or less.
fn relatives() -> Vec<Entry> {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64".to_vec();
    let get = "GET /health HTTP/1.1\r\nHost: registry\r\n";
    let socket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    vec![
        refused("HTTP/2, preface and settings", preface, (505, "version_not_supported")),
        unfinished("HTTP/2, half of its preface", "PRI * HTTP/2.0\r\n"),
        unfinished("HTTP/0.9", "GET /health\r\n"),
        served("WebSocket", format!("{get}{socket}\r\n")),
        bad("PROXY protocol 1", format!("PROXY TCP4 10.0.0.1 10.0.0.2 5000 7100\r\n{get}\r\n")),
        closed("PROXY protocol 2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C\x0A\0\0\x01\x0A\0\0\x02".to_vec()),
        bad("HTTP in UTF-16, little end first", utf_16("GET /health HTTP/1.1\r\n\r\n", u16::to_le_bytes)),
        closed("HTTP in UTF-16, big end first", utf_16("GET /health HTTP/1.1\r\n\r\n", u16::to_be_bytes)),
        closed("HTTP behind a UTF-8 mark", format!("\u{feff}{get}\r\n")),
        // 0xFF begins it, and the tenth byte makes it a frame of ZMTP 1.0, of 2^64 bytes nearly.
        dropped(
            "HTTP behind a UTF-16 mark",
            [&b"\xFF\xFE"[..], &utf_16("GET /health", u16::to_le_bytes)].concat(),
        ),
        closed(
            "HTTP in EBCDIC",
            b"\xC7\xC5\xE3\x40\x61\x40\xC8\xE3\xE3\xD7\x61\xF1\x4B\xF1\x0D\x25".to_vec(),
        ),
        closed("an HTTP answer's chunk", "5\r\nhello\r\n0\r\n\r\n"),
    ]
}

fn utf_16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

/// Bytes that nobody means anything by.
fn noise() -> Vec<Entry> {
    let each_byte: Vec<u8> = (0..=u8::MAX).collect();
    vec![
        closed("1,000 NULs", vec![0; 1000]),
        closed("1 MiB of NULs", vec![0; 1 << 20]),
        closed("bare LFs", "\n\n\n\n"),
        closed("LF and a request", "\nGET /health HTTP/1.1\r\nHost: registry\r\n\r\n"),
        closed("every byte in turn", each_byte),
        closed("a UTF-8 continuation", b"\xBF\xBF\xBF".to_vec()),
        closed("an overlong NUL", b"\xC0\x80\xC0\x80".to_vec()),
        closed("a surrogate in UTF-8", b"\xED\xA0\x80".to_vec()),
        closed("a character beyond Unicode", b"\xF4\x90\x80\x80".to_vec()),
        closed("text that no letter of ASCII begins", "Ünïcödé\r\n\r\n"),
        // Refused as a request line, and not waited for, once it is longer than a head may be.
        refused("64 KiB of one letter", vec![b'A'; 1 << 16], (431, "headers_too_large")),
        unfinished("one letter", "A"),
    ]
}

pub(super) fn rows() -> Vec<Entry> {
    [encrypted(), databases(), mail_and_talk(), desktops_and_files(), relatives(), noise()]
        .into_iter()
        .flatten()
        .collect()
}
