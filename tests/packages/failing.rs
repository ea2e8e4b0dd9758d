//! What cannot start: a wrong value, which no repetition mends, and a port that somebody else has, which may become free.

use std::net::{Ipv4Addr, TcpListener};

use crate::agents::{Agents, PORT};
use crate::checks::{Checks, Outcome, is};
use crate::machine::Machine;
use crate::{DEFAULTS, Ground, UNIT, UNIT_DEADLINE};

const WRONG: &str = "\nSERVICE_REGISTRY_MAX_CONNECTIONS=plenty\n";

/// So often it is tried in vain before the port becomes free.
const ATTEMPTS: usize = 3;

pub(crate) fn run(ground: &Ground, checks: &mut Checks) {
    let machine = ground.boot();
    checks.of(&machine, UNIT, "installed, it is active", || ground.install(&machine));
    checks.of(&machine, UNIT, "a wrong value: failed, not restarted, and the status names it", || {
        wrong_value(&machine)
    });
    checks.of(&machine, UNIT, "put right, it starts", || {
        let defaults = machine.ok(&format!("cat {DEFAULTS}"))?;
        machine.write(DEFAULTS, &defaults.replace(WRONG.trim_end(), ""));
        machine.ok(&format!("systemctl restart {UNIT}")).map(drop)
    });
    checks.of(&machine, UNIT, "a port in use: tried again, and up when it is free", || port_in_use(&machine));
}

fn wrong_value(machine: &Machine) -> Outcome {
    let defaults = machine.ok(&format!("cat {DEFAULTS}"))?;
    machine.write(DEFAULTS, &(defaults + WRONG));
    let restart = machine.run(&format!("systemctl restart {UNIT}"));
    is(!restart.succeeded, || format!("it started: {}", restart.told()))?;
    machine.wait_for_state(UNIT, "failed", UNIT_DEADLINE)?;
    let ended = ["ExecMainStatus", "NRestarts"].map(|name| machine.property(UNIT, name));
    is(ended == ["2", "0"], || format!("exit code and restarts: {ended:?}"))?;
    let status = machine.run(&format!("systemctl status -l {UNIT}")).said;
    let names_it = |line: &str| line.contains("SERVICE_REGISTRY_MAX_CONNECTIONS") && line.contains("plenty");
    is(status.lines().any(names_it), || format!("the status names no variable:\n{status}"))?;
    let errors = machine.ok("journalctl -o cat -p err -t service-registry")?;
    is(errors.lines().any(names_it), || format!("no error of the journal names it:\n{errors}"))
}

fn port_in_use(machine: &Machine) -> Outcome {
    machine.ok(&format!("systemctl stop {UNIT}"))?;
    let taken = machine.network().inside(|| TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)));
    let taken = taken.map_err(|e| format!("port {PORT}: {e}"))?;
    let start = machine.run(&format!("systemctl start {UNIT}"));
    is(!start.succeeded, || format!("it started: {}", start.told()))?;
    machine.wait_for(UNIT_DEADLINE, || {
        let journal = machine.ok(&format!("journalctl -o cat -u {UNIT}"))?;
        let told = format!("cannot listen on 127.0.0.1:{PORT}: Address already in use");
        let attempts = journal.lines().filter(|line| line.contains(&told)).count();
        is(attempts >= ATTEMPTS, || format!("tried {attempts} times only"))
    })?;
    drop(taken);
    machine.wait_for_state(UNIT, "active", UNIT_DEADLINE)?;
    Agents::of(machine).all().map(drop)
}
