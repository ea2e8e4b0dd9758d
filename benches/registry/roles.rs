//! What the benchmark's executable can be besides the benchmark: it starts itself again for each process it
//! needs. Each of them dies with the benchmark, however that ends.

use std::ffi::OsStr;
use std::io;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::agents::Question;
use crate::exec::{FLAG, die_with, exec, misused};
use crate::load::{Order, Shape, Target};
use crate::{bare, hello, idle, load};

/// The command that starts this executable in a role.
pub(crate) fn command<S: AsRef<OsStr>>(role: &str, arguments: impl IntoIterator<Item = S>) -> Command {
    let itself = std::env::current_exe().expect("the path of this executable");
    let mut command = Command::new(itself);
    command.args([FLAG, &std::process::id().to_string(), role]).args(arguments);
    command
}

/// A load generator's arguments, as `order` reads them.
pub(crate) fn load_arguments(target: &Target, order: &Order) -> Vec<String> {
    let kind = match order.shape {
        Shape::Kept { .. } => "kept",
        Shape::Fresh { .. } => "fresh",
        Shape::Http { .. } => "http",
    };
    vec![
        target.address.to_string(),
        target.pid.to_string(),
        order.question.name().to_owned(),
        kind.to_owned(),
        order.shape.connections().to_string(),
        order.shape.window().to_string(),
        order.agents.to_string(),
        order.reply_bytes.to_string(),
        order.duration.as_millis().to_string(),
    ]
}

/// Plays the role that `arguments` (those after `FLAG`) name.
pub(crate) fn play(arguments: &[String]) -> io::Result<()> {
    let [parent, role, arguments @ ..] = arguments else { return Err(misused(arguments)) };
    die_with(parent)?;
    if let ("exec", [program, arguments @ ..]) = (role.as_str(), arguments) {
        return exec(program, arguments);
    }
    raise_limit_of_files()?;
    match (role.as_str(), arguments) {
        ("hello", [reply_bytes]) => hello::run(parse(reply_bytes)?),
        ("idle", [target, count]) => idle::run(parse(target)?, parse(count)?),
        ("bare", [port, pid, question, millis]) => {
            let question = Question::from_name(question).ok_or_else(|| misused(arguments))?;
            let duration = Duration::from_millis(parse(millis)?);
            bare::run(parse(port)?, parse(pid)?, question, duration).map(|sample| println!("{sample}"))
        }
        ("load", [address, pid, rest @ ..]) => {
            let target = Target { address: parse(address)?, pid: parse(pid)? };
            load::run(&target, &order(rest)?).map(|sample| println!("{sample}"))
        }
        _ => Err(misused(arguments)),
    }
}

/// Thousands of connections are more than a shell grants at first. The registry is left to do that by itself.
fn raise_limit_of_files() -> io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

fn order(arguments: &[String]) -> io::Result<Order> {
    let [question, kind, connections, window, agents, reply_bytes, millis] = arguments else {
        return Err(misused(arguments));
    };
    let connections = parse(connections)?;
    let shape = match kind.as_str() {
        "kept" => Shape::Kept { connections, window: parse(window)? },
        "fresh" => Shape::Fresh { at_once: connections },
        "http" => Shape::Http { at_once: connections },
        _ => return Err(misused(arguments)),
    };
    Ok(Order {
        question: Question::from_name(question).ok_or_else(|| misused(arguments))?,
        shape,
        agents: parse(agents)?,
        reply_bytes: parse(reply_bytes)?,
        duration: Duration::from_millis(parse(millis)?),
    })
}

fn parse<T: std::str::FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| io::Error::other(format!("a role's argument is wrong: {text:?}")))
}
