//! The role `setter`: the cheapest server that libzmq allows which keeps registrations in Redis. An echo that SETs a record
//! before it answers, by one connection of the crate `redis`, which blocks. Of a request it looks at the name alone.

use std::io;

use redis::cmd;

use crate::agents::{self, PLAIN_SUCCESS};
use crate::dialect::unexpected;
use crate::echo;
use crate::redis_server::{connect, key};

/// What stands before the name.
const MEMBER: &[u8] = br#""agent_id":""#;

/// Says `port N` on stderr, then answers for ever; its Redis listens on `redis_port`.
pub(crate) fn run(redis_port: u16) -> io::Result<()> {
    let mut redis = connect(redis_port).map_err(io::Error::other)?;
    let (_, record) = agents::record(0);
    echo::serve(PLAIN_SUCCESS, |request| {
        let name = name(request).ok_or_else(|| unexpected("no registration", request))?;
        cmd("SET").arg(key(name)).arg(&record).exec(&mut redis).map_err(io::Error::other)
    })
}

fn name(request: &[u8]) -> Option<&str> {
    let start = request.windows(MEMBER.len()).position(|part| part == MEMBER)? + MEMBER.len();
    let end = request[start..].iter().position(|byte| *byte == b'"')? + start;
    str::from_utf8(&request[start..end]).ok()
}
