//! `service-registry healthcheck`, as a container runs it beside the daemon.

use rustix::process::Signal;

use crate::registry::{Finished, Registry, Start};

fn check(port: u16) -> Finished {
    Start::bare()
        .args(["healthcheck", "--bind", "127.0.0.1", "--health-port", &port.to_string()])
        .run_to_end()
}

#[test]
fn it_tells_who_lives_from_who_does_not() {
    let registry = Registry::start();
    let port = registry.health_port();
    let alive = check(port);
    assert_eq!(alive.status.code(), Some(0), "{alive}");
    assert_eq!(alive.stdout, format!("http://127.0.0.1:{port}/livez answers 200 OK\n"));
    registry.terminate();
    let gone = check(port);
    assert_eq!((gone.status.code(), gone.stdout.as_str()), (Some(1), ""), "{gone}");
    assert!(gone.stderr.contains(&format!("http://127.0.0.1:{port}/livez does not answer: ")), "{gone}");
}

#[test]
fn one_that_hangs_is_not_waited_for() {
    let registry = Registry::start();
    registry.signal(Signal::STOP);
    let hung = check(registry.health_port());
    registry.signal(Signal::CONT);
    assert_eq!(hung.status.code(), Some(1), "{hung}");
    assert!(hung.stderr.contains("timed out"), "{hung}");
}

#[test]
fn it_takes_the_variables_of_the_daemon() {
    let registry = Registry::start();
    let port = registry.health_port().to_string();
    let start = Start::bare().arg("healthcheck").env("SERVICE_REGISTRY_HEALTH_PORT", port);
    assert_eq!(start.env("SERVICE_REGISTRY_BIND", "127.0.0.1,::1").run_to_end().status.code(), Some(0));
    let wrong = Start::bare().args(["healthcheck", "--health-port", "x"]).run_to_end();
    assert_eq!(wrong.status.code(), Some(2), "{wrong}");
}
