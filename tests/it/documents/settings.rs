//! Flags, variables and defaults: README.md, docs/operations.md, `--help` and the binary itself know the same ones.

use std::collections::BTreeSet;
use std::fs;

use crate::registry::{Finished, Start};

use super::markup::Page;
use super::pages;

/// The pages on which a flag in a span of code is the daemon's.
const FOR_USERS: [&str; 5] =
    ["README.md", "SECURITY.md", "docs/high-availability.md", "docs/operations.md", "docs/protocol.md"];

/// What no test gives to the daemon by chance, and what is no value of any setting.
const NONSENSE: &str = "\u{7f}";

/// A setting, as a table or `--help` has it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Setting {
    pub(super) variable: String,
    pub(super) flag: String,
    pub(super) default: String,
}

pub(super) fn help() -> Finished {
    let help = Start::bare().arg("--help").run_to_end();
    assert!(help.status.success(), "{help}");
    help
}

pub(super) fn of_help(help: &Finished) -> BTreeSet<Setting> {
    let lines = help.stdout.lines().filter(|line| line.contains("SERVICE_REGISTRY_"));
    let setting = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [flag, _value, variable, default, ..]
            if flag.starts_with("--") && variable.starts_with("SERVICE_") =>
        {
            Setting { variable: variable.into(), flag: flag.into(), default: default.into() }
        }
        // A flag without a value.
        [flag, variable, default, ..] if flag.starts_with("--") && variable.starts_with("SERVICE_") => {
            Setting { variable: variable.into(), flag: flag.into(), default: default.into() }
        }
        _ => panic!("not a flag, a variable and a default: {line:?}\n{help}"),
    };
    lines.map(setting).collect()
}

fn of_table(page: &Page) -> BTreeSet<Setting> {
    let rows = page.rows().into_iter().filter(|cells| cells[0].starts_with("SERVICE_REGISTRY_"));
    let setting = |cells: Vec<String>| match <[String; 4]>::try_from(cells) {
        Ok([variable, flag, default, _]) => Setting { variable, flag, default },
        Err(cells) => panic!("{}: not a variable, a flag, a default and what it is: {cells:?}", page.path),
    };
    rows.map(setting).collect()
}

#[test]
fn tables_and_help_have_the_same_settings() {
    let told = of_help(&help());
    assert_eq!(told.len(), 18, "{told:?}");
    assert_eq!(of_table(&pages::read("README.md")), told, "README.md, and --help");
    assert_eq!(of_table(&pages::read("docs/operations.md")), told, "docs/operations.md, and --help");
}

/// Everything that looks like a flag.
fn flags_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let is_flag = |word: &&str| {
        word.starts_with("--") && word.len() > 2 || word.len() == 2 && word.starts_with('-') && *word != "--"
    };
    words.filter(is_flag).map(str::to_owned).collect()
}

/// The flags of the lines that begin with one: the rest of `--help` are curl's.
pub(super) fn flags_of(help: &Finished) -> BTreeSet<String> {
    let options = help.stdout.lines().filter(|line| line.trim_start_matches([' ', '(']).starts_with('-'));
    options.flat_map(flags_in).collect()
}

#[test]
fn pages_name_no_flag_that_help_does_not_and_operations_names_all() {
    let told = flags_of(&help());
    for path in FOR_USERS {
        let page = pages::read(path);
        let spans = page.spans();
        let flags = spans.iter().filter(|span| span.starts_with('-'));
        let named: BTreeSet<String> = flags.flat_map(|span| flags_in(span)).collect();
        let unknown: Vec<&String> = named.difference(&told).collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?} is not in --help");
        assert!(path != "docs/operations.md" || named == told, "{path}: {named:?}, and --help: {told:?}");
    }
}

#[test]
fn what_help_shows_is_accepted() {
    let help = help();
    for Setting { variable, flag, default } in of_help(&help) {
        // The variable, as some flags need Redis; one minds it, and takes no value.
        let by_flag = match flag.as_str() {
            "--state-sync" => Start::bare().args(["--check-config", "--state-file", "state", &flag]),
            _ => Start::bare()
                .args(["--check-config", &flag, &default])
                .env("SERVICE_REGISTRY_BACKEND", "redis"),
        };
        let by_variable = Start::bare().arg("--check-config").env(&variable, &default);
        for start in [by_flag, by_variable] {
            let finished = start.run_to_end();
            assert!(finished.status.success() && finished.stderr.is_empty(), "{finished}");
        }
    }
    let settings: BTreeSet<String> = of_help(&help).into_iter().map(|setting| setting.flag).collect();
    let alone: Vec<String> = flags_of(&help).difference(&settings).cloned().collect();
    for flag in &alone {
        let start = match flag.as_str() {
            "--check-config" => Start::bare().arg(flag),
            "--health-check-port" => Start::bare().args(["--check-config", flag, "8100"]),
            _ => Start::bare().args(["--check-config", flag]),
        };
        let finished = start.run_to_end();
        assert!(finished.status.success() && finished.stderr.is_empty(), "{finished}");
    }
    assert_eq!(alone, ["--check-config", "--health-check-port", "--help", "--version", "-V", "-h"], "{help}");
}

/// Whatever the binary compares its arguments and variables with is somewhere in it as text; some of it directly before
/// other text, so each beginning of it is tried.
fn beginnings(marker: &str, goes_on: fn(char) -> bool) -> BTreeSet<String> {
    let binary = fs::read(env!("CARGO_BIN_EXE_service-registry")).unwrap();
    let found = binary.windows(marker.len()).enumerate().filter(|(_, bytes)| *bytes == marker.as_bytes());
    let mut beginnings = BTreeSet::new();
    for (at, _) in found {
        let rest = &binary[at + marker.len()..binary.len().min(at + 64)];
        let length = rest.iter().take_while(|byte| byte.is_ascii() && goes_on(char::from(**byte))).count();
        beginnings
            .extend((1..=length).map(|end| format!("{marker}{}", str::from_utf8(&rest[..end]).unwrap())));
    }
    beginnings
}

#[test]
fn the_binary_takes_no_flag_that_help_does_not_show() {
    let told = flags_of(&help());
    let long = beginnings("--", |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let short = ('a'..='z').chain('A'..='Z').chain('0'..='9').map(|c| format!("-{c}"));
    let candidates: Vec<String> = long.into_iter().chain(short).filter(|flag| !told.contains(flag)).collect();
    assert!(candidates.len() > 100, "{} candidates", candidates.len());
    // A flag that takes a value takes the nonsense; one that takes none leaves it.
    let args = candidates.iter().flat_map(|flag| [flag.as_str(), NONSENSE]);
    let finished = Start::bare().arg("--check-config").args(args).run_to_end();
    for flag in &candidates {
        let refused = format!("unknown argument \"{flag}\"");
        assert!(finished.stderr.contains(&refused), "{flag} is taken, and not in --help");
    }
}

#[test]
fn the_binary_reads_no_variable_that_help_does_not_show() {
    let told: BTreeSet<String> = of_help(&help()).into_iter().map(|setting| setting.variable).collect();
    let candidates =
        beginnings("SERVICE_REGISTRY_", |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    assert!(told.is_subset(&candidates), "{told:?}\n{candidates:?}");
    let start =
        candidates.iter().fold(Start::bare().arg("--check-config"), |start, name| start.env(name, NONSENSE));
    let finished = start.run_to_end();
    let read = candidates.into_iter().filter(|name| finished.stderr.contains(&format!("{name} must be ")));
    assert_eq!(read.collect::<BTreeSet<_>>(), told, "{finished}");
}
