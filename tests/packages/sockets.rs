//! With the socket units on: the queues of both ports belong to systemd, and nobody who connects is turned away while the
//! daemon is restarted or upgraded.

use crate::agents::{Agents, PATIENCE};
use crate::checks::{Checks, Outcome, is};
use crate::client::{Client, Lost};
use crate::load::{self, Told};
use crate::machine::Machine;
use crate::{Ground, SOCKETS, UNIT, UNIT_DEADLINE};

/// How many times it is restarted under load.
const RESTARTS: usize = 3;

pub(crate) fn run(ground: &Ground, checks: &mut Checks) {
    let machine = ground.boot();
    checks.of(&machine, UNIT, "installed, the socket units are off", || off(ground, &machine));
    checks.of(&machine, UNIT, "turned on, they hand over both ports", || on(&machine));
    let agents = Agents::of(&machine);
    let restarts =
        || (0..RESTARTS).try_for_each(|_| machine.ok(&format!("systemctl restart {UNIT}")).map(drop));
    checks.of(
        &machine,
        UNIT,
        "systemctl restart refuses no connection, and every request is answered",
        || under_load(&agents, &restarts),
    );
    checks.of(&machine, UNIT, "an upgrade neither, and it loses no acknowledged registration", || {
        under_load(&agents, &|| ground.upgrade(&machine))
    });
    checks.of(&machine, SOCKETS[0], "removed, nobody listens any more", || removed(&machine, &agents));
}

fn off(ground: &Ground, machine: &Machine) -> Outcome {
    ground.install(machine)?;
    SOCKETS.iter().try_for_each(|socket| {
        let state = machine.run(&format!("systemctl is-enabled {socket}; systemctl is-active {socket}")).said;
        is(state == "disabled\ninactive\n", || format!("{socket} is {state:?}"))
    })
}

fn on(machine: &Machine) -> Outcome {
    machine.ok(&format!("systemctl stop {UNIT}"))?;
    // As docs/install.md has it: the first brings the other.
    machine.ok(&format!("systemctl enable --now {}", SOCKETS[0]))?;
    machine.ok(&format!("systemctl start {UNIT}"))?;
    machine.wait_for_state(UNIT, "active", UNIT_DEADLINE)?;
    SOCKETS.iter().try_for_each(|socket| machine.wait_for_state(socket, "active", UNIT_DEADLINE))
}

fn removed(machine: &Machine, agents: &Agents) -> Outcome {
    machine.ok("dpkg -r service-registry")?;
    let left = machine.run("pgrep -ax service-registr");
    is(!left.succeeded, || format!("still running: {}", left.said))?;
    for port in [agents.port, agents.health_port] {
        let client = Client { port, limit: PATIENCE };
        let reply = agents.network.inside(|| client.get("/livez"));
        is(matches!(reply, Err(Lost::Unsent(_))), || format!("port {port} is not closed: {reply:?}"))?;
    }
    Ok(())
}

fn under_load(agents: &Agents, work: &dyn Fn() -> Outcome) -> Outcome {
    let told: Told = load::during(agents, work)?;
    println!("    {told}");
    told.is_kept_by(agents)?;
    told.nobody_was_refused()
}
