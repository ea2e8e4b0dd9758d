//! The role `hello`: the plain way to serve HTTP with the crate that the registry uses, to hold the registry's HTTP
//! against. tiny_http on TCP, one loop, one fixed answer. It never looks at a request.

use std::io::{self, Write};

use tiny_http::{Header, Response, Server};

use crate::bare_zeromq::reply;

/// Says `port N` on stderr, then answers for ever with a success of `reply_bytes`.
pub(crate) fn run(reply_bytes: usize) -> io::Result<()> {
    let server = Server::http("127.0.0.1:0").map_err(io::Error::other)?;
    let port = server.server_addr().to_ip().map(|address| address.port()).expect("an address of IP");
    writeln!(io::stderr(), "port {port}")?;

    let body = reply(reply_bytes);
    let json = Header::from_bytes("Content-Type", "application/json").expect("a header field");
    loop {
        let request = server.recv()?;
        let response = Response::from_string(body.as_str()).with_header(json.clone());
        // A client that has gone takes nothing from the next one.
        let _ = request.respond(response);
    }
}
