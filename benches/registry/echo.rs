//! The role `echo`: the cheapest server that libzmq allows, to hold the registry against. A REP socket with
//! default options, a blocking loop, one fixed reply. It never looks at a request.

use std::io::{self, Write};

/// Says `port N` on stderr, then answers for ever with a success of `reply_bytes`.
pub(crate) fn run(reply_bytes: usize) -> io::Result<()> {
    serve(&reply(reply_bytes), |_| Ok(()))
}

/// The same with any reply, before which `work` is done on each request.
pub(crate) fn serve(reply: &str, mut work: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let context = zmq::Context::new();
    let socket = context.socket(zmq::REP)?;
    socket.bind("tcp://127.0.0.1:*")?;
    let endpoint = socket.get_last_endpoint()?.unwrap_or_else(|bytes| panic!("an endpoint of {bytes:?}"));
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

/// The body: `{"status":"success"}`, with filling before its last brace.
pub(crate) fn reply(bytes: usize) -> String {
    let (head, tail) = (r#"{"status":"success""#, "}");
    format!("{head}{}{tail}", " ".repeat(bytes - head.len() - tail.len()))
}
