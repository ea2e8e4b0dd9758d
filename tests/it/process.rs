//! Other programs as child processes, with a deadline: they are waited for without polling, and ended by their own
//! process id when they overstay. Knows nothing of what the programs are.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

/// Long enough for the slowest machine: reaching it is a failure, whatever the machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Runs a program to its end, with these bytes as its standard input.
pub(crate) fn run(command: &mut Command, input: &[u8], deadline: Duration) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("cannot run {command:?}: {e}"));
    let writer = write_all(child.stdin.take().unwrap(), input.to_vec());
    let stdout = read_all(child.stdout.take().unwrap());
    let stderr = read_all(child.stderr.take().unwrap());
    let ended = wait(&mut child, deadline);
    if ended.is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    writer.join().unwrap();
    let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
    let Some(status) = ended else {
        panic!(
            "still running after {deadline:?}: {command:?}\n--- stdout\n{}\n--- stderr\n{}",
            String::from_utf8_lossy(&stdout),
            String::from_utf8_lossy(&stderr)
        )
    };
    Output { status, stdout, stderr }
}

/// Waits for the end of a child; `None` when it still runs after the deadline.
pub(crate) fn wait(child: &mut Child, within: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        // Only a child that has not been waited for is looked up by its number, so the number is still its own.
        let process = pidfd_open(pid_of(child), PidfdFlags::empty()).unwrap();
        let timeout = Timespec::try_from(left).unwrap();
        let polled = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&timeout));
        assert!(matches!(polled, Ok(_) | Err(Errno::INTR)), "{polled:?}");
    }
}

/// Sends a signal to this child, which nobody has waited for yet: its number is nobody else's.
pub(crate) fn signal(child: &Child, signal: Signal) {
    kill_process(pid_of(child), signal).unwrap();
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()
}

fn read_all(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

fn write_all(mut to: impl Write + Send + 'static, bytes: Vec<u8>) -> JoinHandle<()> {
    // A program may end without reading its input; what it then says of it is the caller's to judge.
    thread::spawn(move || drop(to.write_all(&bytes)))
}
