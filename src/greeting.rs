//! What a start prints: where it listens, how to try it, and what a person should know. Looks at listeners, changes none.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::path::Path;

use log::Level;

use crate::config::{Backend, Config, Reads};
use crate::descriptors;
use crate::health::VERSION;
use crate::http;
use crate::quote;
use crate::state::Found;

/// Where a command typed on this host reaches the registry.
pub fn registry_url(registry: &[TcpListener]) -> io::Result<String> {
    Ok(format!("http://{}:{}", host_to_try(registry)?, place(registry)?.0))
}

/// The lines that a start prints, all but the last, where `connections` are those that the registry port may have.
pub fn lines(
    config: &Config,
    registry: &[TcpListener],
    health: &[TcpListener],
    connections: usize,
) -> io::Result<Vec<(Level, String)>> {
    let (port, addresses) = place(registry)?;
    let (health_port, _) = place(health)?;
    let mut lines = vec![
        format!("service-registry {VERSION}: {}", backend(config)),
        format!("registry port {port} (ZMQ and HTTP) on {addresses}"),
        format!("health port {health_port} (HTTP and ZMQ) on {addresses}"),
        format!("try: {}", http::example(&registry_url(registry)?)),
    ];
    if config.bind.is_empty() || !config.bind.iter().all(|address| address.is_loopback()) {
        lines.push(format!(
            "there is no authentication: whoever reaches port {port} can register, replace and remove agents \
             (--bind 127.0.0.1 keeps it to this host)"
        ));
    }
    let lines = lines.into_iter().map(|line| (Level::Info, line));
    Ok(lines.chain(lowered(config.max_connections, connections)).collect())
}

/// Tells what a state file held, which is `agents` now.
pub fn of_state(path: &Path, found: &Found, agents: usize) {
    let path = path.display();
    if found.torn > 0 {
        log::warn!(
            "the state file {path} ended in {} of a line that was never finished; they were cut off, and nothing that was \
             acknowledged was in them",
            quote::count(found.torn as usize, "byte")
        );
    }
    log::info!("the state file {path}: {}", quote::count(agents, "agent"));
}

fn backend(config: &Config) -> String {
    let most = quote::size(config.max_bytes);
    let redis = match &config.backend {
        Backend::Memory => return format!("memory backend, at most {most} of records"),
        Backend::Redis(redis) => redis,
    };
    let reads = match redis.reads {
        Reads::Mirror => "lookups from a mirror",
        Reads::Redis => "lookups from Redis each time, a mirror",
    };
    let replicas = match redis.min_replicas {
        0 => String::new(),
        1 => ", each write on at least 1 replica".into(),
        count => format!(", each write on at least {count} replicas"),
    };
    format!(
        "redis backend at {}, prefix {:?}, {reads} of at most {most} of records{replicas}",
        redis.url, redis.prefix
    )
}

/// What stands for the first address in a command typed on this host.
fn host_to_try(listeners: &[TcpListener]) -> io::Result<String> {
    let address = listeners.first().map(TcpListener::local_addr).transpose()?;
    let own = |ip: IpAddr| ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST;
    Ok(match address.map(|address| address.ip()) {
        Some(IpAddr::V4(ip)) if !own(ip.into()) => ip.to_string(),
        Some(IpAddr::V6(ip)) if !own(ip.into()) => format!("[{ip}]"),
        _ => "localhost".into(),
    })
}

fn place(listeners: &[TcpListener]) -> io::Result<(u16, String)> {
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
    let port = addresses.first().map_or(0, |address| address.port());
    let ips: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    Ok((port, ips.join(", ")))
}

/// The warning of a start that can't have all the connections it wants.
fn lowered(wanted: usize, allowed: usize) -> Option<(Level, String)> {
    let limit = descriptors::limit().filter(|_| allowed < wanted)?;
    let line = format!(
        "at most {allowed} connections instead of {wanted}: the limit of file descriptors is {limit} \
         (LimitNOFILE= of the unit, ulimit -Hn)"
    );
    Some((Level::Warn, line))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use crate::config::{self, Wish};

    use super::*;

    fn told(line: &str) -> String {
        match config::read(line.split_whitespace().map(OsString::from).collect(), |_| None) {
            Ok(Wish::Run(config)) => backend(&config),
            other => panic!("{line} gave {other:?}"),
        }
    }

    #[test]
    fn a_start_says_where_records_live_and_no_password() {
        assert_eq!(told("--max-bytes=1MiB"), "memory backend, at most 1 MiB of records");
        assert_eq!(
            told("--backend redis --redis-url redis://user:hunter2@[::1]/2"),
            "redis backend at redis://[::1]:6379/2, prefix \"service_registry:\", lookups from a mirror of at most \
             256 MiB of records"
        );
        assert_eq!(
            told("--backend redis --reads redis --redis-prefix \"\u{202e} --redis-min-replicas 1"),
            "redis backend at redis://localhost:6379/0, prefix \"\\\"\\u{202e}\", lookups from Redis each time, a \
             mirror of at most 256 MiB of records, each write on at least 1 replica"
        );
    }
}
