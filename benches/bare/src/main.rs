//! The cheapest server that libzmq allows, to hold the registry against: a REP socket with default options, a blocking loop,
//! one fixed reply. Its libzmq is as it comes. It says `port N` on stderr and answers for ever, in one of these ways:
//!
//! - `echo REPLY`: it never looks at a request.
//! - `setter REPLY PORT PREFIX RECORD`: before it answers it SETs RECORD in the Redis at PORT, under PREFIX and the request's
//!   `agent_id`, by one connection of the crate `redis`, which blocks. Of a request it looks at the name alone.

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use redis::{Client, Connection, ConnectionInfo, IntoConnectionInfo, RedisResult, cmd};

/// What stands before the name.
const MEMBER: &[u8] = br#""agent_id":""#;
/// How long Redis may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["echo", reply] => serve(reply, |_| Ok(())),
        ["setter", reply, port, prefix, record] => {
            let mut redis = connect(port.parse()?)?;
            serve(reply, |request| {
                let name = name(request).ok_or("a request that is no registration")?;
                Ok(cmd("SET").arg(format!("{prefix}{name}")).arg(record).exec(&mut redis)?)
            })
        }
        _ => Err(format!("no role has these arguments: {arguments:?}").into()),
    }
}

fn serve(reply: &str, mut work: impl FnMut(&[u8]) -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let context = zmq::Context::new();
    let socket = context.socket(zmq::REP)?;
    socket.bind("tcp://127.0.0.1:*")?;
    let endpoint = socket.get_last_endpoint()?.map_err(|bytes| format!("an endpoint of {bytes:?}"))?;
    let port = endpoint.rsplit(':').next().unwrap_or_default();
    writeln!(io::stderr(), "port {port}")?;

    let mut request = zmq::Message::new();
    loop {
        match socket.recv(&mut request, 0) {
            Err(zmq::Error::EINTR) => continue,
            received => received?,
        }
        work(&request)?;
        socket.send(reply, 0)?;
    }
}

/// A connection as the crate makes it; but without Nagle's algorithm, as every connection of the benchmark.
fn connect(port: u16) -> RedisResult<Connection> {
    let info: ConnectionInfo = ("127.0.0.1", port).into_connection_info()?;
    let settings = info.tcp_settings().clone().set_nodelay(true);
    Client::open(info.set_tcp_settings(settings))?.get_connection_with_timeout(PATIENCE)
}

fn name(request: &[u8]) -> Option<&str> {
    let start = request.windows(MEMBER.len()).position(|part| part == MEMBER)? + MEMBER.len();
    let end = request[start..].iter().position(|byte| *byte == b'"')? + start;
    str::from_utf8(&request[start..end]).ok()
}
