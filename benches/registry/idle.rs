//! The role `idle`: many ZMTP peers that have asked once and then stay without a word, as agents that leak their
//! sockets do. They come from several addresses.

use std::io::{self, Write};
use std::net::SocketAddrV4;
use std::thread;

use crate::agents;
use crate::ask::{Client, buffer};
use crate::dial::source;
use crate::sample::SUCCESS;

/// What it says on stderr when all of them are there.
pub(crate) const SETTLED: &str = "settled";

/// The load that is measured beside them has 127.0.0.1 for itself.
const FIRST_ADDRESS: u8 = 2;

/// Connects, asks, says so, and holds the connections until it is ended.
pub(crate) fn run(target: SocketAddrV4, count: usize) -> io::Result<()> {
    let mut buffer = buffer();
    let mut peers = Vec::with_capacity(count);
    for number in 0..count {
        let peer = peer(number, target, &mut buffer);
        peers.push(peer.map_err(|error| io::Error::other(format!("peer {number} of {count}: {error}")))?);
    }
    writeln!(io::stderr(), "{SETTLED}")?;
    loop {
        thread::park();
    }
}

fn peer(number: usize, target: SocketAddrV4, buffer: &mut [u8]) -> io::Result<Client> {
    let mut peer = Client::connect(source(FIRST_ADDRESS, number), target)?;
    let reply = peer.ask(&agents::lookup(0), buffer)?;
    if reply.starts_with(SUCCESS) { Ok(peer) } else { Err(crate::dialect::unexpected("no success", &reply)) }
}
