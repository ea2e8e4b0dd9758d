//! The unit at work: what an operator has after installing the package, and what systemd does about a daemon that was killed,
//! that hangs, or that is stopped.

use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::agents::Agents;
use crate::checks::{Checks, Outcome, is};
use crate::client::Speech;
use crate::machine::Machine;
use crate::process;
use crate::{Ground, UNIT, UNIT_DEADLINE};

/// What the sandbox leaves the daemon beside its state: what PrivateTmp gave it for itself.
const WRITABLE: [&str; 2] = ["/tmp", "/var/tmp"];
const STATE: &str = "/var/lib/service-registry";

/// `systemd-analyze security` says ten times this at most.
const EXPOSURE: u32 = 11;

const BACK_AFTER_KILL: Duration = Duration::from_secs(2);
const STOPPED_WITHIN: Duration = Duration::from_secs(1);

/// In place of the unit's 20 s.
const WATCHDOG: Duration = Duration::from_secs(2);

pub(crate) fn run(ground: &Ground, checks: &mut Checks) {
    let machine = ground.boot();
    checks.of(&machine, UNIT, "installed, it is active at once", || ground.install(&machine));
    let agents = Agents::of(&machine);
    let mut check = |what: &str, look: &dyn Fn() -> Outcome| checks.of(&machine, UNIT, what, look);
    check("it says READY=1 itself, and its status is a sentence", &|| status(&machine));
    check("both ports answer, by HTTP and by ZMQ, over IPv4 and IPv6", &|| ports(&machine, &agents));
    check("its log lines have the priorities of journald", &|| priorities(&machine));
    check("it runs as its user, who can't log in", &|| user(&machine));
    check("it can write nothing but its state", &|| writable(&machine));
    check("systemd-analyze security: 1.1 at most", &|| {
        machine
            .ok(&format!(
                "systemd-analyze security --threshold={EXPOSURE} {UNIT} | tail -1 >&2 && \
                             systemd-analyze security --threshold={EXPOSURE} {UNIT} >/dev/null"
            ))
            .map(drop)
    });
    check("killed, it is back within 2 s with every registration", &|| killed(&machine, &agents));
    check("its main thread stopped, the watchdog restarts it", &|| hung(&machine, &agents));
    check("systemctl stop: inactive within 1 s, exit code 0", &|| stopped(&machine));
}

fn status(machine: &Machine) -> Outcome {
    let kind = machine.property(UNIT, "Type");
    is(kind == "notify", || format!("Type={kind}"))?;
    machine.wait_for(UNIT_DEADLINE, || {
        let said = machine.run(&format!("systemctl status {UNIT}")).said;
        let sentence = said.lines().find_map(|line| line.trim().strip_prefix("Status: "));
        let sentence = sentence.ok_or_else(|| "no Status: in systemctl status".to_owned())?;
        is(sentence.contains("agents"), || format!("Status: {sentence}"))
    })
}

fn ports(machine: &Machine, agents: &Agents) -> Outcome {
    agents.register(&["first", "second"])?;
    for (speech, port) in
        [(Speech::Http, agents.port), (Speech::Zmtp, agents.port), (Speech::Zmtp, agents.health_port)]
    {
        let at = Agents::at(machine, port, agents.health_port);
        let reply = at.ask(speech, br#"{"action":"list_agents"}"#);
        // The health port has other answers, but answers.
        is(reply.as_ref().is_ok_and(|reply| reply["status"].is_string()), || format!("{port}: {reply:?}"))?;
    }
    let both = [agents.port, agents.health_port].map(|port| SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
    agents.network.inside(|| {
        both.iter().try_for_each(|at| TcpStream::connect(at).map(drop).map_err(|e| format!("{at}: {e}")))
    })?;
    let health = agents.health()?;
    is(health["status"] == "ok", || format!("/health: {health}"))?;
    agents.are(&["first", "second"])
}

fn priorities(machine: &Machine) -> Outcome {
    let lines = |which: &str| machine.ok(&format!("journalctl -o cat -t service-registry -p {which}"));
    let (all, warnings) = (lines("info")?, lines("warning")?);
    is(all.lines().any(|line| line == "ready"), || format!("no line says just \"ready\" in\n{all}"))?;
    is(!warnings.contains("ready"), || format!("no warning, but told as one:\n{warnings}"))
}

fn user(machine: &Machine) -> Outcome {
    let pid = machine.property(UNIT, "MainPID");
    let user = machine.ok(&format!("ps -o user:32=,group:32= -p {pid}"))?;
    let expected = ["service-registry", "service-registry"];
    is(user.split_whitespace().eq(expected), || format!("it runs as {user:?}"))?;
    let password = machine.ok("passwd -S service-registry")?;
    is(password.starts_with("service-registry L "), || format!("passwd -S: {password}"))?;
    let shell = machine.ok("getent passwd service-registry")?;
    is(shell.ends_with("nologin"), || shell.clone())
}

/// Looks from where the daemon is, and as whom it is: in its mount namespace, without any capability.
fn writable(machine: &Machine) -> Outcome {
    let pid = machine.property(UNIT, "MainPID");
    let found = machine.run(&format!(
        "nsenter -t {pid} -m setpriv --reuid service-registry --regid service-registry --clear-groups \
         --bounding-set=-all --inh-caps=-all find / -path /proc -prune -o \\( -type d -o -type f \\) -writable -print 2>/dev/null"
    ));
    let writable = |path: &str| path == STATE || path.starts_with(&format!("{STATE}/"));
    let is_own = |path: &str| WRITABLE.iter().any(|own| path == *own || path.starts_with(&format!("{own}/")));
    let others: Vec<&str> = found.said.lines().filter(|path| !writable(path) && !is_own(path)).collect();
    is(found.said.lines().any(|path| path == STATE), || format!("not even its state: {}", found.told()))?;
    is(others.is_empty(), || format!("it could write {others:#?}"))?;
    let mode = machine.ok(&format!("stat -c '%a %U %G' {STATE}"))?;
    is(mode == "750 service-registry service-registry", || format!("{STATE}: {mode}"))
}

fn killed(machine: &Machine, agents: &Agents) -> Outcome {
    let before = agents.all()?;
    let pid = machine.property(UNIT, "MainPID");
    machine.ok(&format!("kill -KILL {pid}"))?;
    machine.wait_for(BACK_AFTER_KILL, || {
        let after = agents.all()?;
        is(after == before, || format!("there were {before:?}, and there are {after:?}"))
    })?;
    let restarts = machine.property(UNIT, "NRestarts");
    is(restarts == "1", || format!("it was restarted {restarts} times"))
}

fn hung(machine: &Machine, agents: &Agents) -> Outcome {
    let shipped = machine.property(UNIT, "WatchdogUSec");
    is(shipped == "20s", || format!("the unit has WatchdogSec={shipped}"))?;
    machine.drop_in(UNIT, "watchdog", &format!("[Service]\nWatchdogSec={}s\n", WATCHDOG.as_secs()))?;
    machine.ok(&format!("systemctl restart {UNIT}"))?;
    let before = agents.all()?;
    let pid = machine.property(UNIT, "MainPID");
    let held = Held::new(machine, &pid)?;
    let start = Instant::now();
    let mut alive = 0;
    while machine.property(UNIT, "MainPID") == pid {
        is(start.elapsed() < WATCHDOG + UNIT_DEADLINE, || "nobody noticed".to_owned())?;
        // Its other threads go on, until the watchdog ends all of them.
        match agents.get("/livez") {
            Ok(_) => alive += 1,
            Err(wrong) if start.elapsed() < WATCHDOG / 4 => return Err(wrong),
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
    drop(held);
    is(alive > 0, || "/livez was not answered".to_owned())?;
    machine.wait_for_state(UNIT, "active", UNIT_DEADLINE)?;
    let journal = machine.ok(&format!("journalctl -u {UNIT}"))?;
    is(journal.contains("Watchdog timeout"), || "the watchdog didn't do it".to_owned())?;
    let after = agents.all()?;
    is(after == before, || format!("there were {before:?}, and there are {after:?}"))
}

/// One thread of a process held still, as a debugger does it, while the others go on.
struct Held(Child);

impl Held {
    fn new(machine: &Machine, thread: &str) -> Result<Held, String> {
        let mut python: Command = machine.among_its_processes("python3");
        python.args(["-c", include_str!("hold_thread.py"), thread]);
        let mut child = python.stdout(Stdio::piped()).spawn().map_err(|e| format!("{python:?}: {e}"))?;
        let mut said = String::new();
        let stdout = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut said).unwrap();
        let held = Held(child);
        is(said == "held\n", || format!("thread {thread} can't be held: {said:?}"))?;
        Ok(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It ends with the thread; a thread that goes on is let go.
        if process::wait(&mut self.0, Duration::from_secs(1)).is_none() {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }
}

fn stopped(machine: &Machine) -> Outcome {
    let start = Instant::now();
    machine.ok(&format!("systemctl stop {UNIT}"))?;
    let took = start.elapsed();
    is(took < STOPPED_WITHIN, || format!("it took {took:?}"))?;
    let state = ["ActiveState", "Result", "ExecMainStatus"].map(|name| machine.property(UNIT, name));
    is(state == ["inactive", "success", "0"], || format!("it ended as {state:?}"))
}
