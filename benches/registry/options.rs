//! The command line of the benchmark, those arguments that follow `--`. It never starts anything.

use std::time::Duration;

use crate::loads::LOADS;
use crate::rounds::Effort;
use crate::{behind, churn, crowd, reload};

/// Figures that are not loads by themselves.
const OTHERS: [&str; 10] = [
    crowd::NAME,
    churn::NAME,
    "filled",
    reload::BESIDE,
    reload::LOAD,
    crate::kept::NAME,
    "rest-redis",
    "rest",
    "start",
    "executable",
];

const DEFAULT: Effort = Effort { rounds: 27, each: Duration::from_millis(300) };

/// Checked options.
pub(crate) struct Options {
    pub(crate) effort: Effort,
    pub(crate) only: Selection,
    /// The tables of growth are wanted, and not the figures.
    pub(crate) growth: bool,
    /// The executable of another build, which the loads are measured on as well, and nothing else.
    pub(crate) against: Option<String>,
}

/// Which figures to measure: all, or those named.
pub(crate) struct Selection(Vec<String>);

impl Selection {
    pub(crate) fn holds(&self, figure: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|name| name == figure)
    }
}

/// None when all that was wanted is help, or when cargo only wants to see that the benchmark runs: `cargo bench`
/// says `--bench`, `cargo test --benches` doesn't.
pub(crate) fn parse(arguments: &[String]) -> Result<Option<Options>, String> {
    let mut options = Options { effort: DEFAULT, only: Selection(Vec::new()), growth: false, against: None };
    let mut is_bench = false;
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let mut value = || rest.next().map(String::as_str).ok_or_else(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--bench" => is_bench = true,
            "--growth" => options.growth = true,
            "--rounds" => options.effort.rounds = number(flag, value()?, 1.0..=100.0)? as usize,
            "--seconds" => options.effort.each = Duration::from_secs_f64(number(flag, value()?, 0.1..=60.0)?),
            "--against" => options.against = Some(value()?.to_owned()),
            "--only" => options.only = selection(value()?)?,
            "--help" | "-h" => {
                println!("{}", help());
                return Ok(None);
            }
            _ => return Err(format!("unknown argument {flag:?}\n{}", help())),
        }
    }
    if options.growth && !options.only.0.is_empty() {
        return Err("--only picks figures, and --growth measures none of them".to_owned());
    }
    if options.growth && options.against.is_some() {
        return Err("--against measures loads, and --growth measures none of them".to_owned());
    }
    Ok(is_bench.then_some(options))
}

fn number(flag: &str, text: &str, range: std::ops::RangeInclusive<f64>) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("{flag} is {text:?}, must be {} to {}", range.start(), range.end()))
}

fn selection(list: &str) -> Result<Selection, String> {
    let names: Vec<String> = list.split(',').map(str::to_owned).collect();
    match names.iter().find(|name| !figures().any(|figure| figure == name.as_str())) {
        Some(unknown) => Err(format!("no figure is called {unknown:?}\n{}", help())),
        None => Ok(Selection(names)),
    }
}

fn figures() -> impl Iterator<Item = &'static str> {
    LOADS.iter().map(|load| load.name).chain(behind::names()).chain(OTHERS)
}

fn help() -> String {
    let figures: Vec<_> = figures().collect();
    let (rounds, seconds) = (DEFAULT.rounds, DEFAULT.each.as_secs_f64());
    format!(
        "cargo bench --bench registry -- [--rounds {rounds}] [--seconds {seconds}] [--only FIGURE,… | --growth]\n\
         \x20 [--against PROGRAM]\n\
         figures: {}\n\
         --against: the loads alone, on this registry and on that of another build\n\
         --growth: how the cost of a lookup grows with agents and peers, in the place of the figures",
        figures.join(" ")
    )
}
