//! What dpkg does with the package beside a registry at work: from N to N+1 under load, back to N, removed and purged.

use crate::agents::Agents;
use crate::checks::{Checks, Outcome, is};
use crate::load::{self, Told};
use crate::machine::Machine;
use crate::{DEFAULTS, Ground, UNIT, UNIT_DEADLINE};

/// What an operator has written at the end of the file of defaults, and how one sees that it is used.
const EDIT: &str = "\n# ours\nSERVICE_REGISTRY_LOG=debug\n";

/// An instance of the template, with ports of its own.
const INSTANCE: &str = "service-registry@own.service";

pub(crate) fn run(ground: &Ground, checks: &mut Checks) {
    let machine = ground.boot();
    checks.of(&machine, UNIT, "N is installed, and its defaults are edited", || {
        ground.install(&machine)?;
        let defaults = machine.ok(&format!("cat {DEFAULTS}"))?;
        machine.write(DEFAULTS, &(defaults + EDIT));
        machine.ok(&format!("systemctl restart {UNIT}")).map(drop)
    });
    let agents = Agents::of(&machine);
    let starts = starts(&machine);
    let mut told = Told::default();
    checks.of(&machine, UNIT, "N+1 is installed under load", || {
        told = load::during(&agents, || ground.upgrade(&machine))?;
        println!("    {told}");
        Ok(())
    });
    let mut check = |what: &str, look: &dyn Fn() -> Outcome| checks.of(&machine, UNIT, what, look);
    check("no acknowledged registration is lost by that", &|| told.is_kept_by(&agents));
    check("the upgrade restarted it exactly once", &|| restarted_once(&machine, starts));
    check("what was edited is still there, and used", &|| edit_survived(&machine));
    check("the downgrade to N loses nothing either", &|| {
        ground.downgrade(&machine)?;
        machine.wait_for_state(UNIT, "active", UNIT_DEADLINE)?;
        machine.wait_for(UNIT_DEADLINE, || told.is_kept_by(&agents))
    });
    check("an instance of the template is restarted by an upgrade, too", &|| instance(ground, &machine));
    check("disabled, it stays disabled and stopped over an upgrade", &|| stays_disabled(ground, &machine));
    check("removing it stops it and its instance, and keeps its state", &|| removed(&machine));
    check("purging it leaves nothing but the locked user", &|| purged(&machine));
}

/// How many times systemd has started the unit.
fn starts(machine: &Machine) -> usize {
    let journal = machine.run(&format!("journalctl -o cat -u {UNIT}")).said;
    journal.lines().filter(|line| line.starts_with(&format!("Started {UNIT}"))).count()
}

fn restarted_once(machine: &Machine, before: usize) -> Outcome {
    let times = starts(machine) - before;
    is(times == 1, || format!("it was started {times} times"))
}

fn edit_survived(machine: &Machine) -> Outcome {
    let defaults = machine.ok(&format!("cat {DEFAULTS}"))?;
    is(defaults.ends_with(EDIT.trim_end()), || format!("{DEFAULTS}:\n{defaults}"))?;
    let pid = machine.property(UNIT, "MainPID");
    let environment = machine.ok(&format!("tr '\\0' '\\n' </proc/{pid}/environ"))?;
    is(environment.contains("SERVICE_REGISTRY_LOG=debug"), || format!("its environment:\n{environment}"))
}

fn instance(ground: &Ground, machine: &Machine) -> Outcome {
    let unit = INSTANCE;
    let ports = "[Service]\nEnvironment=SERVICE_REGISTRY_PORT=7201 SERVICE_REGISTRY_HEALTH_PORT=8201\n";
    machine.drop_in(unit, "ports", ports)?;
    machine.ok(&format!("systemctl start {unit}"))?;
    let before = machine.property(unit, "InvocationID");
    ground.upgrade(machine)?;
    let after = machine.property(unit, "InvocationID");
    is(after != before, || format!("{unit} was not restarted"))?;
    machine.wait_for_state(unit, "active", UNIT_DEADLINE)
}

fn stays_disabled(ground: &Ground, machine: &Machine) -> Outcome {
    machine.ok(&format!("systemctl disable --now {UNIT}"))?;
    ground.downgrade(machine)?;
    ground.upgrade(machine)?;
    let state = [
        machine.run(&format!("systemctl is-enabled {UNIT}")),
        machine.run(&format!("systemctl is-active {UNIT}")),
    ];
    let state = state.each_ref().map(|ran| ran.said.trim_end());
    is(state == ["disabled", "inactive"], || format!("it is {state:?}"))
}

fn removed(machine: &Machine) -> Outcome {
    machine.ok(&format!("systemctl enable --now {UNIT}"))?;
    machine.wait_for_state(UNIT, "active", UNIT_DEADLINE)?;
    machine.ok("dpkg -r service-registry")?;
    let left = machine.run("pgrep -ax service-registr");
    is(!left.succeeded, || format!("still running: {}", left.said))?;
    let state = machine.property(UNIT, "ActiveState");
    is(state == "inactive", || format!("the unit is {state}"))?;
    machine.ok(&format!("test -s {} && test -s {DEFAULTS}", crate::STATE_FILE)).map(drop)
}

fn purged(machine: &Machine) -> Outcome {
    // What the operator made is the operator's to remove.
    machine.ok(&format!("rm -r /etc/systemd/system/{INSTANCE}.d"))?;
    machine.ok("dpkg -P service-registry")?;
    let left = machine
        .ok("find / -path /proc -prune -o -path /sys -prune -o -iname '*service[-_]registry*' -print")?;
    is(left.is_empty(), || format!("left behind:\n{left}"))?;
    let user = machine.ok("passwd -S service-registry")?;
    is(user.starts_with("service-registry L "), || format!("passwd -S: {user}"))
}
