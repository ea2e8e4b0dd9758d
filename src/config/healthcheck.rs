//! `service-registry healthcheck`: where a daemon with the same flags and variables serves its health port. Asks nobody.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Config, Fault};

/// The word that asks for it, in front of every flag.
const WORD: &str = "healthcheck";

/// Takes the word off the arguments, and says whether it was there.
pub(super) fn taken_off(arguments: &mut Vec<OsString>) -> bool {
    let asked = arguments.first().is_some_and(|first| first == WORD);
    if asked {
        arguments.remove(0);
    }
    asked
}

/// The health port as it is reached from its own host.
pub(super) fn target(config: &Config) -> Result<SocketAddr, Fault> {
    let ip = match config.bind.first() {
        Some(IpAddr::V6(ip)) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        Some(ip) if !ip.is_unspecified() => *ip,
        _ => Ipv4Addr::LOCALHOST.into(),
    };
    match config.health_port {
        0 => Err(Fault("healthcheck needs the health port, and with 0 the system picks it".into())),
        port => Ok(SocketAddr::new(ip, port)),
    }
}
