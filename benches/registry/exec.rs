//! A process that the benchmark starts from its own executable: it dies with the benchmark, however that ends, and may
//! become another program. What it is to do is none of its business.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// The first argument of a process that has a role; the benchmark's pid, the role and its arguments follow.
pub(crate) const FLAG: &str = "--role";

/// How a program that [`exec`] starts is announced, with nanoseconds since 1970.
pub(crate) const EXEC_STAMP: &str = "exec at ";

/// The kernel ends this process when the benchmark ends, and an `exec` keeps it so.
pub(crate) fn die_with(parent: &str) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let is_alive = getppid().is_some_and(|pid| pid.as_raw_nonzero().to_string() == parent);
    if is_alive { Ok(()) } else { Err(io::Error::other("the benchmark has ended")) }
}

/// Becomes another program, and says when.
pub(crate) fn exec(program: &str, arguments: &[String]) -> io::Result<()> {
    let mut command = Command::new(program);
    command.args(arguments);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    writeln!(io::stderr(), "{EXEC_STAMP}{}", now.as_nanos())?;
    Err(command.exec())
}

pub(crate) fn misused(arguments: &[String]) -> io::Error {
    io::Error::other(format!("no role has these arguments: {arguments:?}"))
}
