//! The service registry, and the bare libzmq echo that all are held against; both speak ZMTP.

use std::io;
use std::path::Path;

use crate::agents::{PLAIN_SUCCESS, RECORD_BYTES};
use crate::bare_zeromq;
use crate::place::Place;
use crate::redis::Redis;
use crate::request::Request;
use crate::system::{Answer, Dialogue, Heard, System, unexpected};
use crate::zmtp;

const PROGRAM: &str = env!("CARGO_BIN_EXE_service-registry");

/// A reply to a lookup is the record with this member before its own.
pub(crate) const LOOKUP_REPLY_BYTES: usize = RECORD_BYTES + r#""status":"success","#.len();

/// By where its records live, and who answers a lookup.
pub(crate) enum Registry {
    /// It keeps them itself.
    Memory,
    /// Redis does; a mirror here answers.
    Mirror,
    /// Redis does, and is asked each time.
    Asking,
}

impl System for Registry {
    fn key(&self) -> &'static str {
        match self {
            Self::Memory => "registry",
            Self::Mirror => "registry-mirror",
            Self::Asking => "registry-asking",
        }
    }

    fn title(&self) -> String {
        match self {
            Self::Memory => format!("**service-registry** {}", env!("CARGO_PKG_VERSION")),
            Self::Mirror => "**service-registry** on Redis".to_owned(),
            Self::Asking => "**service-registry** on Redis, `--reads redis`".to_owned(),
        }
    }

    fn needs(&self) -> Option<&'static dyn System> {
        match self {
            Self::Memory => None,
            Self::Mirror | Self::Asking => Some(&Redis),
        }
    }

    fn asked_with(&self) -> &'static str {
        "ZeroMQ REQ: `get_agent_endpoint`, `register_agent`"
    }

    fn kept(&self) -> &'static str {
        match self {
            Self::Memory => "in memory",
            Self::Mirror | Self::Asking => "in Redis's memory; snapshots follow",
        }
    }

    fn program(&self) -> &Path {
        Path::new(PROGRAM)
    }

    fn command_line(&self, place: &Place) -> io::Result<Vec<String>> {
        let port = place.port.to_string();
        let mut words = vec![PROGRAM, "--health-port", "0", "--bind", "127.0.0.1", "--port", &port];
        let url = place.needed.map(|port| format!("redis://127.0.0.1:{port}"));
        if let Some(url) = &url {
            words.extend(["--backend", "redis", "--redis-url", url]);
        }
        if let Self::Asking = self {
            words.extend(["--reads", "redis"]);
        }
        Ok(words.into_iter().map(str::to_owned).collect())
    }

    fn record_bytes(&self) -> usize {
        LOOKUP_REPLY_BYTES
    }

    fn dialogue(&self) -> Box<dyn Dialogue> {
        Box::new(Req { is_greeted: false })
    }
}

/// A REP socket with default options that answers whatever is asked with as many bytes.
#[derive(Clone, Copy)]
pub(crate) struct Echo {
    title: &'static str,
    reply_bytes: usize,
}

impl Echo {
    pub(crate) const fn first(reply_bytes: usize) -> Self {
        Self { title: "bare ZeroMQ echo", reply_bytes }
    }

    /// The same program: what one is beside the other is the machine's own noise.
    pub(crate) const fn second(reply_bytes: usize) -> Self {
        Self { title: "the same echo again", reply_bytes }
    }

    pub(crate) const fn answering_with(self, reply_bytes: usize) -> Self {
        Self { reply_bytes, ..self }
    }
}

impl System for Echo {
    fn key(&self) -> &'static str {
        "echo"
    }

    fn title(&self) -> String {
        self.title.to_owned()
    }

    fn asked_with(&self) -> &'static str {
        "the same requests as the registry"
    }

    fn kept(&self) -> &'static str {
        "nowhere"
    }

    fn program(&self) -> &Path {
        Path::new("/proc/self/exe")
    }

    fn command_line(&self, _place: &Place) -> io::Result<Vec<String>> {
        let program = bare_zeromq::program().into_os_string().into_string();
        let program = program.map_err(|path| io::Error::other(format!("{path:?} is not UTF-8")))?;
        Ok([&[program][..], &bare_zeromq::echo(self.reply_bytes)].concat())
    }

    fn port(&self, _given: u16, log: &str) -> Option<u16> {
        let whole = &log[..log.rfind('\n')?];
        whole.lines().find_map(|line| line.strip_prefix("port ")?.parse().ok())
    }

    fn record_bytes(&self) -> usize {
        self.reply_bytes
    }

    fn dialogue(&self) -> Box<dyn Dialogue> {
        Box::new(Req { is_greeted: false })
    }
}

/// A REQ peer.
struct Req {
    is_greeted: bool,
}

impl Dialogue for Req {
    fn greet(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&zmtp::GREETING);
        out.extend_from_slice(&zmtp::ready("REQ"));
    }

    fn ask(&mut self, request: &Request, out: &mut Vec<u8>) {
        zmtp::put_envelope(request.body.as_bytes(), out);
    }

    fn hear<'a>(&'a mut self, input: &'a [u8], _out: &mut Vec<u8>) -> io::Result<Option<Heard<'a>>> {
        if !self.is_greeted {
            self.is_greeted = input.len() >= zmtp::GREETING.len();
            return if self.is_greeted { Heard::aside(zmtp::GREETING.len()) } else { Ok(None) };
        }
        let Some(frame) = zmtp::frame(input) else { return Ok(None) };
        match frame.body {
            body if frame.is_command && body.starts_with(b"\x05READY") => {
                Heard::answer(frame.size, Answer::Ready)
            }
            [] if frame.more => Heard::aside(frame.size),
            body => Heard::answer(frame.size, meaning(body)?),
        }
    }
}

fn meaning(reply: &[u8]) -> io::Result<Answer<'_>> {
    if reply == PLAIN_SUCCESS.as_bytes() {
        Ok(Answer::Stored)
    } else if reply.starts_with(br#"{"status":"success""#) {
        Ok(Answer::Record(reply))
    } else if reply.ends_with(br#""code":"not_found"}"#) {
        Ok(Answer::Absent)
    } else {
        Err(unexpected("an error", reply))
    }
}
