//! The .rpm by rpm itself, with its scriptlets, on a Debian that has rpm as well: installed, upgraded, erased.

use crate::agents::Agents;
use crate::checks::{Checks, Outcome, is};
use crate::machine::Machine;
use crate::{Ground, UNIT, UNIT_DEADLINE};

const RPM: &str = "rpm --force-debian --nodeps";
const DEFAULTS: &str = "/etc/sysconfig/service-registry";
const EDIT: &str = "\n# ours\n";

pub(crate) fn run(ground: &Ground, checks: &mut Checks) {
    let machine = ground.boot();
    let mut check = |what: &str, look: &dyn Fn() -> Outcome| checks.of(&machine, UNIT, what, look);
    check("the .rpm is installed and can be started", &|| installed(ground, &machine));
    let agents = Agents::of(&machine);
    check("upgraded, it is restarted and knows its agents", &|| upgraded(ground, &machine, &agents));
    check("erased, it is stopped, and its files are gone", &|| erased(&machine));
}

fn installed(ground: &Ground, machine: &Machine) -> Outcome {
    machine.ok(&format!("{RPM} -i {}", ground.packages.n.rpm_in(machine)))?;
    // Whether a preset enables it is the distribution's choice: Debian's does, Fedora's doesn't.
    machine.ok(&format!("systemctl enable --now {UNIT}"))?;
    machine.wait_for_state(UNIT, "active", UNIT_DEADLINE)?;
    let agents = Agents::of(machine);
    agents.register(&["before"])?;
    let defaults = machine.ok(&format!("cat {DEFAULTS}"))?;
    machine.write(DEFAULTS, &(defaults + EDIT));
    machine.ok(&format!("stat -c %a {DEFAULTS} | grep -qx 640")).map(drop)
}

fn upgraded(ground: &Ground, machine: &Machine, agents: &Agents) -> Outcome {
    let before = machine.property(UNIT, "InvocationID");
    machine.ok(&format!("{RPM} -U {}", ground.packages.next.rpm_in(machine)))?;
    machine.wait_for(UNIT_DEADLINE, || {
        let after = machine.property(UNIT, "InvocationID");
        is(after != before, || "it was not restarted".to_owned())
    })?;
    machine.wait_for_state(UNIT, "active", UNIT_DEADLINE)?;
    machine.wait_for(UNIT_DEADLINE, || agents.are(&["before"]))?;
    let defaults = machine.ok(&format!("cat {DEFAULTS}"))?;
    is(defaults.ends_with(EDIT.trim_end()), || format!("{DEFAULTS} was replaced:\n{defaults}"))?;
    machine.ok(&format!("systemctl is-enabled {UNIT}")).map(drop)
}

fn erased(machine: &Machine) -> Outcome {
    machine.ok(&format!("{RPM} -e service-registry"))?;
    let left = machine.run("pgrep -ax service-registr");
    is(!left.succeeded, || format!("still running: {}", left.said))?;
    let state = machine.property(UNIT, "ActiveState");
    is(state == "inactive", || format!("the unit is {state}"))?;
    let left = machine.ok("find /usr /etc -iname '*service-registry*' -not -name '*.rpmsave'")?;
    is(left.is_empty(), || format!("left behind:\n{left}"))
}
