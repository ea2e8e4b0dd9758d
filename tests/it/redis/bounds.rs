//! `--max-bytes` and what others write: an instance holds no more than it may, and finds and lists what is beyond it.

use super::instance::{Instance, put, put_many};
use super::server::RedisServer;

#[test]
fn what_others_wrote_beyond_the_limit_is_found_and_listed_with_a_warning() {
    let mut server = RedisServer::start();
    let names = put_many(&server, "Agent", 200);
    let due: Vec<&str> = names.iter().map(String::as_str).collect();
    let instance = Instance::with(&server, &["--max-bytes", "8KiB"]);
    instance.wait_for_list(&due);
    let caller = instance.caller();
    for (name, port) in names.iter().zip(1..) {
        assert_eq!(caller.port_of(name), Ok(port), "{name}\n{}", instance.evidence());
    }
    assert_eq!(instance.health().object["agents"], 200);
    let warnings =
        instance.registry.log_lines(|line| line.contains(" WARN ") && line.contains("--max-bytes"));
    assert_eq!(warnings.len(), 1, "{}", instance.evidence());
    // What changes or comes later is told as it is, too.
    put(&server, "Agent0199", 5000);
    put(&server, "Beyond", 5001);
    instance.wait_for_port("Agent0199", Ok(5000));
    assert_eq!(caller.port_of("Beyond"), Ok(5001));
    assert_eq!(caller.port_of("Nobody"), Err("not_found".to_owned()));
    // Without Redis some are known and the others are not told to be absent.
    server.kill();
    instance.wait_for_health("it is degraded", |health| health.status() == "degraded");
    let known = names.iter().filter(|name| match caller.port_of(name) {
        Ok(_) => true,
        Err(code) => {
            assert_eq!(code, "unavailable", "{name}\n{}", instance.evidence());
            false
        }
    });
    let known = known.count();
    assert!((5..150).contains(&known), "{known} of 200 fit into 8 KiB\n{}", instance.evidence());
}
