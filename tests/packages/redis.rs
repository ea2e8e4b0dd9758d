//! Beside Debian's own Redis: stopped and started under the registry, and shared by two instances of the template.

use std::time::Duration;

use crate::agents::Agents;
use crate::checks::{Checks, Outcome, is};
use crate::machine::Machine;
use crate::{DEFAULTS, Ground, UNIT, UNIT_DEADLINE};

/// Until Redis is found to be gone, or there again: docs/high-availability.md promises less.
const NOTICED: Duration = Duration::from_secs(10);

const BACKEND: &str = "\nSERVICE_REGISTRY_BACKEND=redis\n";

/// The instances of the template: name, port, health port.
const INSTANCES: [(&str, u16, u16); 2] = [("a", 7201, 8201), ("b", 7202, 8202)];

pub(crate) fn run(ground: &Ground, checks: &mut Checks) {
    let machine = ground.boot();
    checks.of(&machine, UNIT, "installed, it keeps its records in Redis", || {
        ground.install(&machine)?;
        machine.ok("systemctl start redis-server")?;
        let defaults = machine.ok(&format!("cat {DEFAULTS}"))?;
        machine.write(DEFAULTS, &(defaults + BACKEND));
        machine.ok(&format!("systemctl restart {UNIT}"))?;
        let agents = Agents::of(&machine);
        machine.wait_for(NOTICED, || has_health(&agents, "ok"))?;
        agents.register(&["shared"])
    });
    let agents = Agents::of(&machine);
    checks.of(&machine, UNIT, "Redis stopped: degraded, and lookups go on", || {
        machine.ok("systemctl stop redis-server")?;
        machine.wait_for(NOTICED, || has_health(&agents, "degraded"))?;
        agents.are(&["shared"])?;
        status_says(&machine, "redis out of reach").or_else(|_| status_says(&machine, "redis"))
    });
    checks.of(&machine, UNIT, "restarted without Redis, it answers from its state file, degraded", || {
        machine.ok(&format!("systemctl restart {UNIT}"))?;
        is(has_health(&agents, "degraded").is_ok(), || format!("health: {:?}", agents.health()))?;
        agents.are(&["shared"])
    });
    checks.of(&machine, UNIT, "Redis started: live again, by itself", || {
        machine.ok("systemctl start redis-server")?;
        machine.wait_for(NOTICED, || has_health(&agents, "ok"))?;
        status_says(&machine, "redis live")?;
        agents.register(&["later"])
    });
    let first = format!("service-registry@{}.service", INSTANCES[0].0);
    checks.of(&machine, &first, "two instances of the template share registrations", || instances(&machine));
    checks.of(&machine, &first, "each has its own state folder and its own name in the log", || {
        apart(&machine)
    });
}

fn has_health(agents: &Agents, wanted: &str) -> Outcome {
    let health = agents.health()?;
    is(health["status"] == wanted && health["backend"] == "redis", || format!("health: {health}"))
}

fn status_says(machine: &Machine, words: &str) -> Outcome {
    machine.wait_for(UNIT_DEADLINE, || {
        let text = machine.property(UNIT, "StatusText");
        is(text.contains(words), || format!("its status is {text:?}, without {words:?}"))
    })
}

fn instances(machine: &Machine) -> Outcome {
    machine.ok(&format!("systemctl stop {UNIT}"))?;
    for (name, port, health_port) in INSTANCES {
        let ports = format!("SERVICE_REGISTRY_PORT={port}\nSERVICE_REGISTRY_HEALTH_PORT={health_port}\n");
        machine.write(&format!("{DEFAULTS}-{name}"), &format!("{ports}SERVICE_REGISTRY_BACKEND=redis\n"));
        machine.ok(&format!("systemctl enable --now service-registry@{name}"))?;
    }
    let [a, b] = INSTANCES.map(|(_, port, health_port)| Agents::at(machine, port, health_port));
    machine.wait_for(NOTICED, || has_health(&a, "ok").and_then(|()| has_health(&b, "ok")))?;
    a.register(&["of-a"])?;
    b.register(&["of-b"])?;
    let all = ["later", "of-a", "of-b", "shared"];
    machine.wait_for(NOTICED, || a.are(&all).and_then(|()| b.are(&all)))
}

fn apart(machine: &Machine) -> Outcome {
    for (name, ..) in INSTANCES {
        let unit = format!("service-registry@{name}.service");
        let folder = machine.property(&unit, "StateDirectory");
        is(folder.ends_with(name), || format!("{unit} has StateDirectory={folder}"))?;
        machine.ok(&format!("test -s /var/lib/{folder}/state"))?;
        let lines = machine.ok(&format!("journalctl -t service-registry-{name}"))?;
        is(lines.contains("ready"), || format!("no line of {unit} by that name in the journal"))?;
    }
    Ok(())
}
