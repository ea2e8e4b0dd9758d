//! The units of systemd: the one for several instances is the one for one, but for what tells them apart.

use std::collections::BTreeSet;
use std::fs;

use super::pages;

fn directives(unit: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(pages::in_repository(&format!("systemd/{unit}"))).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_template_differs_by_what_tells_instances_apart() {
    let (one, several) = (directives("service-registry.service"), directives("service-registry@.service"));
    let only_one: Vec<&str> = one.difference(&several).map(String::as_str).collect();
    let only_several: Vec<&str> = several.difference(&one).map(String::as_str).collect();
    assert_eq!(
        only_one,
        [
            "Description=Service registry, where ZeroMQ agents find each other by name",
            "Environment=SERVICE_REGISTRY_STATE_FILE=%S/service-registry/state",
            "StateDirectory=service-registry",
        ]
    );
    assert_eq!(
        only_several,
        [
            "Description=Service registry %i, where ZeroMQ agents find each other by name",
            "Environment=SERVICE_REGISTRY_STATE_FILE=%S/service-registry/%i/state",
            "EnvironmentFile=-/etc/default/service-registry-%i",
            "EnvironmentFile=-/etc/sysconfig/service-registry-%i",
            "StateDirectory=service-registry/%i",
            "SyslogIdentifier=service-registry-%i",
        ]
    );
}

#[test]
fn every_group_of_directives_says_why() {
    for unit in ["service-registry.service", "service-registry@.service"] {
        let text = fs::read_to_string(pages::in_repository(&format!("systemd/{unit}"))).unwrap();
        let service = text.split_once("[Service]\n").unwrap().1.split_once("\n[Install]").unwrap().0;
        for group in service.split("\n\n") {
            assert!(group.trim_start().starts_with("# "), "{unit}: nothing is said about\n{group}");
        }
    }
}
