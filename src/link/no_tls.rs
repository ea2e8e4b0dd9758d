//! What stands in for `tls` in a build without the cargo feature of that name: nothing is ever encrypted. No URL of such a
//! build asks for it either.

use std::convert::Infallible;
use std::io;
use std::net::TcpStream;
use std::time::Instant;

use super::socket::Encrypted;
use super::url::Wrong;
use super::{Failure, TlsFiles};

/// There is none.
pub struct Tls(Infallible);

impl Tls {
    /// Says that there is none.
    pub fn read(_: &TlsFiles) -> Result<Tls, Failure> {
        Err(Failure::Io(Wrong::NO_TLS.to_string()))
    }

    pub(super) fn over(&self, _: TcpStream, _: &str, _: Instant) -> io::Result<Box<dyn Encrypted>> {
        match self.0 {}
    }
}
