//! A Debian that is really booted, with systemd as its first process: in namespaces of its own, on a tree that it leaves as it
//! is. Commands are run in it as root, and this program's threads can enter its network. Whatever way this process ends,
//! the machine ends with it. Knows nothing of what is installed there.

use std::cell::RefCell;
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::cgroups::Cgroups;
use crate::process;

/// Long enough for any command that is run in a machine.
const COMMAND_DEADLINE: Duration = Duration::from_secs(60);

/// A second on an idle machine.
const BOOT_DEADLINE: Duration = Duration::from_secs(60);

/// Between two looks at a condition.
const GLANCE: Duration = Duration::from_millis(20);

/// Puts itself into its control groups and becomes the machine. CAP_BPF is what systemd needs for IPAddressDeny.
const START: &str = r#"tree=$1 name=$2; shift 2
for group; do echo $$ >"$group/cgroup.procs" || exit; done
exec setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child=KILL --mount-proc systemd-nspawn -q --boot \
  -D "$tree" --volatile=overlay -M "$name" --register=no --keep-unit --console=pipe --private-network \
  --capability=CAP_BPF --system-call-filter=bpf"#;

pub(crate) struct Machine {
    /// `unshare`; its child is systemd-nspawn, and that one's child is the first process of the machine.
    outermost: Child,
    leader: u32,
    console: File,
    commands: RefCell<Vec<String>>,
    /// Gone after the processes in them.
    _cgroups: Cgroups,
}

/// A command's end, and what it said on both channels.
pub(crate) struct Ran {
    pub(crate) succeeded: bool,
    pub(crate) said: String,
    command: String,
    status: String,
}

impl Machine {
    /// To be called by the main thread: a machine ends with the thread that started it.
    pub(crate) fn boot(tree: &Path) -> Machine {
        static BOOTED: AtomicUsize = AtomicUsize::new(0);
        let number = BOOTED.fetch_add(1, Ordering::Relaxed);
        let cgroups = Cgroups::new(number);
        let console = nameless_file(tree);
        let outermost = Command::new("sh")
            .args(["-c", START, "sh"])
            .args([tree.as_os_str(), format!("registry-{}-{number}", std::process::id()).as_ref()])
            .args(cgroups.folders())
            .stdin(Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console.try_clone().unwrap())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot run sh: {e}"));
        let commands = RefCell::default();
        let mut machine = Machine { outermost, leader: 0, console, commands, _cgroups: cgroups };
        machine.wait_until_booted();
        machine
    }

    fn wait_until_booted(&mut self) {
        let end = Instant::now() + BOOT_DEADLINE;
        loop {
            // While it starts, systemd-nspawn has other children, for a moment each.
            self.leader = child_of(self.outermost.id()).and_then(child_of).unwrap_or(0);
            if self.leader != 0 {
                let state = self.run("systemctl is-system-running").said;
                if ["running\n", "degraded\n"].contains(&state.as_str()) {
                    return;
                }
            }
            let ended = self.outermost.try_wait().unwrap();
            if ended.is_some() || Instant::now() > end {
                let console = format!("/proc/self/fd/{}", self.console.as_raw_fd());
                let console = fs::read_to_string(console).unwrap_or_default();
                panic!("the machine doesn't boot ({ended:?}). Its console:\n{console}");
            }
            thread::sleep(GLANCE);
        }
    }

    /// Runs a shell's command line in it, as root.
    pub(crate) fn run(&self, command: &str) -> Ran {
        self.commands.borrow_mut().push(command.to_owned());
        let mut nsenter = Command::new("nsenter");
        nsenter.args(["-t", &self.leader.to_string(), "-a", "--"]);
        nsenter.args(["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"]);
        nsenter.args(["SYSTEMD_PAGER=cat", "SYSTEMD_COLORS=0", "DEBIAN_FRONTEND=noninteractive"]);
        nsenter.args(["HOME=/root", "sh", "-c", command]);
        let output = process::run(&mut nsenter, b"", COMMAND_DEADLINE);
        let said = [output.stdout, output.stderr].concat();
        Ran {
            succeeded: output.status.success(),
            said: String::from_utf8_lossy(&said).into_owned(),
            command: command.to_owned(),
            status: output.status.to_string(),
        }
    }

    /// What it says if it succeeds; everything about it otherwise.
    pub(crate) fn ok(&self, command: &str) -> Result<String, String> {
        let ran = self.run(command);
        if ran.succeeded { Ok(ran.said.trim_end().to_owned()) } else { Err(ran.told()) }
    }

    /// One property of a unit, as `systemctl show` has it.
    pub(crate) fn property(&self, unit: &str, name: &str) -> String {
        self.run(&format!("systemctl show --value -p {name} {unit}")).said.trim_end().to_owned()
    }

    /// Looks again and again until there is nothing wrong any more; what is wrong at the end of that time is the answer.
    pub(crate) fn wait_for<T>(
        &self,
        within: Duration,
        mut look: impl FnMut() -> Result<T, String>,
    ) -> Result<T, String> {
        let end = Instant::now() + within;
        loop {
            let found = look();
            match found {
                Err(wrong) if Instant::now() > end => return Err(format!("after {within:?} still: {wrong}")),
                Err(_) => thread::sleep(GLANCE),
                found => return found,
            }
        }
    }

    /// Waits until a unit is in this state (ActiveState).
    pub(crate) fn wait_for_state(&self, unit: &str, wanted: &str, within: Duration) -> Result<(), String> {
        self.wait_for(within, || match self.property(unit, "ActiveState") {
            state if state == wanted => Ok(()),
            state => Err(format!("{unit} is {state}, not {wanted}")),
        })
    }

    /// A file of the machine, as this process sees it.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.leader))
    }

    pub(crate) fn copy(&self, file: &Path, to: &str) {
        fs::copy(file, self.file(to)).unwrap_or_else(|e| panic!("{} to {to}: {e}", file.display()));
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.file(path), text).unwrap_or_else(|e| panic!("{path}: {e}"));
    }

    /// Adds these lines to a unit, as `systemctl edit` would.
    pub(crate) fn drop_in(&self, unit: &str, name: &str, lines: &str) -> Result<(), String> {
        let folder = format!("/etc/systemd/system/{unit}.d");
        self.ok(&format!("mkdir -p {folder}"))?;
        self.write(&format!("{folder}/{name}.conf"), lines);
        self.ok("systemctl daemon-reload").map(drop)
    }

    /// As its first process has it, so that a thread can enter it.
    pub(crate) fn network(&self) -> Network {
        Network(File::open(format!("/proc/{}/ns/net", self.leader)).unwrap())
    }

    /// A program of the host that sees the machine's processes by the numbers that they have there.
    pub(crate) fn among_its_processes(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.leader.to_string(), "-p", "--", program]);
        command
    }

    /// What a person needs who reads of a failure.
    pub(crate) fn evidence(&self, unit: &str) -> String {
        let commands = self.commands.borrow().clone();
        let last = commands.iter().rev().filter(|command| !command.starts_with("systemctl show")).take(6);
        let last: Vec<&str> = last.map(String::as_str).collect();
        let last: String = last.iter().rev().map(|command| format!("# {command}\n")).collect();
        let status = self.run(&format!("systemctl status -l -n 0 {unit}")).said;
        let journal = self.run(&format!("journalctl -n 40 -o short-precise -u {unit}")).said;
        format!(
            "--- the last commands\n{last}--- systemctl status {unit}\n{status}--- its journal\n{journal}---"
        )
    }
}

impl Ran {
    pub(crate) fn told(&self) -> String {
        format!("# {}\n{}({})", self.command, self.said, self.status)
    }
}

/// The machine's network: nothing but a loopback of its own.
pub(crate) struct Network(File);

impl Network {
    /// Moves the calling thread into it, for good.
    pub(crate) fn enter(&self) {
        move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    }

    /// Does this in it, on a thread of its own.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let there = scope.spawn(|| {
                self.enter();
                work()
            });
            there.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

/// Gone with the last who has it open.
fn nameless_file(beside: &Path) -> File {
    let path = beside.with_extension("console");
    let file = File::create(&path).unwrap();
    fs::remove_file(path).unwrap();
    file
}

fn child_of(process: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

impl Drop for Machine {
    fn drop(&mut self) {
        const HALT: Duration = Duration::from_secs(10);
        let nspawn = child_of(self.outermost.id()).and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let asked = nspawn.is_some_and(|nspawn| kill_process(nspawn, Signal::TERM).is_ok());
        if !asked || process::wait(&mut self.outermost, HALT).is_none() {
            // All its processes end with this one.
            drop(self.outermost.kill());
            drop(self.outermost.wait());
        }
    }
}
