//! What the benchmark's executable can be besides the benchmark: it starts itself again for each server. Each of them
//! dies with the benchmark, however that ends.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::exec::{EXEC_STAMP, FLAG, die_with, exec, misused};

/// The command line of this executable in a role.
pub(crate) fn command_line(role: &str, arguments: impl IntoIterator<Item = String>) -> Vec<String> {
    let itself = std::env::current_exe().expect("the path of this executable");
    let itself = itself.into_os_string().into_string().expect("a path of UTF-8");
    let head = [itself, FLAG.to_owned(), std::process::id().to_string(), role.to_owned()];
    head.into_iter().chain(arguments).collect()
}

/// When a program was started, by what its log says; as time since 1970.
pub(crate) fn started(log: &str) -> Option<Duration> {
    let stamp = log.lines().find_map(|line| line.strip_prefix(EXEC_STAMP))?;
    stamp.parse().ok().map(Duration::from_nanos)
}

/// The time since 1970.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Plays the role that `arguments` (those after `FLAG`) name.
pub(crate) fn play(arguments: &[String]) -> io::Result<()> {
    let [parent, role, arguments @ ..] = arguments else { return Err(misused(arguments)) };
    die_with(parent)?;
    match (role.as_str(), arguments) {
        ("exec", [program, arguments @ ..]) => exec(program, arguments),
        _ => Err(misused(arguments)),
    }
}
