//! The command line of the benchmark, those arguments that follow `--`. It never starts anything.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::contest::Effort;
use crate::systems;

const DEFAULT: Effort = Effort { rounds: 15, starts: 5, each: Duration::from_millis(500) };

/// Checked options.
pub(crate) struct Options {
    pub(crate) effort: Effort,
    only: Vec<String>,
}

impl Options {
    /// All servers, or those named.
    pub(crate) fn wants(&self, key: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == key)
    }
}

/// None when all that was wanted is help, or when cargo only wants to see that the benchmark runs: `cargo bench`
/// says `--bench`, `cargo test --benches` doesn't.
pub(crate) fn parse(arguments: &[String]) -> Result<Option<Options>, String> {
    let mut options = Options { effort: DEFAULT, only: Vec::new() };
    let mut is_bench = false;
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let mut value = || rest.next().map(String::as_str).ok_or_else(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--bench" => is_bench = true,
            "--rounds" => options.effort.rounds = number(flag, value()?, 1.0..=100.0)? as usize,
            "--starts" => options.effort.starts = number(flag, value()?, 1.0..=100.0)? as usize,
            "--seconds" => options.effort.each = Duration::from_secs_f64(number(flag, value()?, 0.1..=60.0)?),
            "--only" => options.only = selection(value()?)?,
            "--help" | "-h" => {
                println!("{}", help());
                return Ok(None);
            }
            _ => return Err(format!("unknown argument {flag:?}\n{}", help())),
        }
    }
    Ok(is_bench.then_some(options))
}

fn number(flag: &str, text: &str, range: RangeInclusive<f64>) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("{flag} is {text:?}, must be {} to {}", range.start(), range.end()))
}

fn selection(list: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> = list.split(',').map(str::to_owned).collect();
    match names.iter().find(|name| !systems().iter().any(|system| system.key() == name.as_str())) {
        Some(unknown) => Err(format!("no server is called {unknown:?}\n{}", help())),
        None => Ok(names),
    }
}

fn help() -> String {
    let servers: Vec<_> = systems().iter().map(|system| system.key()).collect();
    let Effort { rounds, starts, each } = DEFAULT;
    format!(
        "cargo bench --bench peers -- [--rounds {rounds}] [--starts {starts}] [--seconds {}] [--only SERVER,…]\n\
         servers: {}",
        each.as_secs_f64(),
        servers.join(" ")
    )
}
