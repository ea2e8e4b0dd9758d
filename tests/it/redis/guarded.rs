//! Redis behind TLS, as a test needs it: which certificate it shows, what it wants of others, and an instance in front of it;
//! and somebody else in its place.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::thread;

use super::authority::{Authority, Certificate};
use super::instance::{Instance, before};
use super::server::{Port, RedisServer, Setup};
use crate::registry::Start;

pub(crate) const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
/// What a certificate for a server of these tests is for.
pub(crate) const NAMES: &str = "DNS:localhost,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1";

/// A Redis that speaks TLS on one port; the test itself reaches it on another one.
pub(crate) struct Guarded {
    pub(crate) server: RedisServer,
    pub(crate) port: Port,
}

impl Guarded {
    pub(crate) fn start(authority: &Authority) -> Guarded {
        Guarded::with(V4, authority, &authority.issue(NAMES), "tls-auth-clients no")
    }

    /// With these lines in its configuration as well.
    pub(crate) fn with(host: IpAddr, authority: &Authority, shows: &Certificate, lines: &str) -> Guarded {
        Guarded::set_up(Setup::new(), host, authority, shows, lines)
    }

    pub(crate) fn set_up(
        setup: Setup,
        host: IpAddr,
        authority: &Authority,
        shows: &Certificate,
        lines: &str,
    ) -> Guarded {
        let port = Port::reserve(host);
        let server = setup.on(host).line(guard(&port, authority, shows)).line(lines).start();
        Guarded { server, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("rediss://{}/0", self.port.address())
    }

    /// An instance in front of it that trusts this CA.
    pub(crate) fn before(&self, authority: &Authority) -> Start {
        before(&self.url()).arg("--redis-ca").arg(authority.own().certificate)
    }

    /// It shows another certificate from now on, to new connections; those that there are end.
    pub(crate) fn show(&self, shows: &Certificate) {
        let [certificate, key] = [&shows.certificate, &shows.key].map(|path| path.to_str().unwrap());
        self.server.command(&["CONFIG", "SET", "tls-cert-file", certificate, "tls-key-file", key]);
        self.end_connections();
    }

    pub(crate) fn end_connections(&self) {
        for connection in self.server.clients() {
            self.server.command(&["CLIENT", "KILL", "ID", connection.member("id")]);
        }
    }
}

pub(crate) fn guard(port: &Port, authority: &Authority, shows: &Certificate) -> String {
    format!(
        "tls-port {}\ntls-ca-cert-file {}\ntls-cert-file {}\ntls-key-file {}",
        port.address().port(),
        authority.own().certificate.display(),
        shows.certificate.display(),
        shows.key.display()
    )
}

pub(crate) fn showing(start: Start, own: &Certificate) -> Start {
    start.arg("--redis-cert").arg(&own.certificate).arg("--redis-key").arg(&own.key)
}

/// An instance that is started like this says why it knows nothing.
pub(crate) fn assert_out_of_reach(start: Start, reason: &str) -> Instance {
    let instance = Instance::serving(start);
    instance.wait_for_health(reason, |health| health.message().contains(reason)).assert_unready(&instance);
    instance.registry.wait_for_log(|line| line.contains(" WARN ") && line.contains(reason));
    instance
}

/// The port of somebody who does this with each connection. They are there until the last test has ended.
pub(crate) fn stranger(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind((V4, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        thread::scope(|scope| {
            for client in listener.incoming() {
                scope.spawn(|| serve(client.unwrap()));
            }
        });
    });
    port
}
