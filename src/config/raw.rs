//! The first step of configuration: which flags and variables were given, as they came. Judges no value.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use pico_args::Arguments;

use super::{Fault, shown};

/// A value, and the flag or variable that gave it.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) name: &'static str,
    pub(super) value: OsString,
}

/// All that was given.
pub(super) struct Raw {
    pub(super) help: bool,
    pub(super) version: bool,
    pub(super) check: bool,
    pub(super) port: Vec<Given>,
    pub(super) health_port: Vec<Given>,
    pub(super) bind: Vec<Given>,
    pub(super) backend: Vec<Given>,
    pub(super) redis_url: Vec<Given>,
    pub(super) redis_password_file: Vec<Given>,
    pub(super) redis_ca: Vec<Given>,
    pub(super) redis_cert: Vec<Given>,
    pub(super) redis_key: Vec<Given>,
    pub(super) redis_prefix: Vec<Given>,
    pub(super) reads: Vec<Given>,
    pub(super) min_replicas: Vec<Given>,
    pub(super) state_file: Vec<Given>,
    pub(super) state_sync: Vec<Given>,
    pub(super) max_bytes: Vec<Given>,
    pub(super) max_connections: Vec<Given>,
    pub(super) max_connections_per_address: Vec<Given>,
    pub(super) log: Vec<Given>,
    /// What can't be understood as flags and values at all.
    pub(super) faults: Vec<Fault>,
}

pub(super) fn read(arguments: Vec<OsString>, variable: impl Fn(&str) -> Option<OsString>) -> Raw {
    let mut source = Source {
        arguments: Arguments::from_vec(arguments.into_iter().flat_map(split_at_equals).collect()),
        variable,
        faults: Vec::new(),
    };
    let mut raw = Raw {
        help: source.arguments.contains(["-h", "--help"]),
        version: source.arguments.contains(["-V", "--version"]),
        check: source.switch("--check-config"),
        port: source.one(&["--port"], "SERVICE_REGISTRY_PORT"),
        health_port: source.one(&["--health-port", "--health-check-port"], "SERVICE_REGISTRY_HEALTH_PORT"),
        bind: source.many(&["--bind"], "SERVICE_REGISTRY_BIND"),
        backend: source.one(&["--backend"], "SERVICE_REGISTRY_BACKEND"),
        redis_url: source.one(&["--redis-url"], "SERVICE_REGISTRY_REDIS_URL"),
        redis_password_file: source.one(&["--redis-password-file"], "SERVICE_REGISTRY_REDIS_PASSWORD_FILE"),
        redis_ca: source.one(&["--redis-ca"], "SERVICE_REGISTRY_REDIS_CA"),
        redis_cert: source.one(&["--redis-cert"], "SERVICE_REGISTRY_REDIS_CERT"),
        redis_key: source.one(&["--redis-key"], "SERVICE_REGISTRY_REDIS_KEY"),
        redis_prefix: source.one_or_nothing("--redis-prefix", "SERVICE_REGISTRY_REDIS_PREFIX"),
        reads: source.one(&["--reads"], "SERVICE_REGISTRY_READS"),
        min_replicas: source.one(&["--redis-min-replicas"], "SERVICE_REGISTRY_REDIS_MIN_REPLICAS"),
        state_file: source.one(&["--state-file"], "SERVICE_REGISTRY_STATE_FILE"),
        state_sync: source.yes("--state-sync", "SERVICE_REGISTRY_STATE_SYNC"),
        max_bytes: source.one(&["--max-bytes"], "SERVICE_REGISTRY_MAX_BYTES"),
        max_connections: source.one(&["--max-connections"], "SERVICE_REGISTRY_MAX_CONNECTIONS"),
        max_connections_per_address: source
            .one(&["--max-connections-per-address"], "SERVICE_REGISTRY_MAX_CONNECTIONS_PER_ADDRESS"),
        log: source.one(&["--log-level"], "SERVICE_REGISTRY_LOG"),
        faults: Vec::new(),
    };
    raw.faults = source.faults.into_iter().chain(unknown(source.arguments.finish())).collect();
    raw
}

/// A fault for each argument that nobody asked for. What is given to a flag with "pass" in its name isn't shown: there is no
/// such flag, but somebody believed that there was.
fn unknown(arguments: Vec<OsString>) -> Vec<Fault> {
    let mut secret_follows = false;
    let mut fault = |argument: OsString| {
        let text = argument.to_string_lossy();
        let (flag, value) = text.split_once('=').map_or((&*text, None), |(flag, value)| (flag, Some(value)));
        let is_flag = text.starts_with('-');
        let takes_secret = is_flag && flag.to_ascii_lowercase().contains("pass");
        let what = match value {
            _ if secret_follows && !is_flag => "…".to_owned(),
            Some(_) if takes_secret => shown(flag) + "=…",
            _ => shown(&text),
        };
        secret_follows = takes_secret && value.is_none();
        Fault(format!("unknown argument \"{what}\"; see --help"))
    };
    arguments.into_iter().map(&mut fault).collect()
}

/// The flags that take a value.
const VALUE_FLAGS: [&str; 18] = [
    "--port",
    "--health-port",
    "--health-check-port",
    "--bind",
    "--backend",
    "--redis-url",
    "--redis-password-file",
    "--redis-ca",
    "--redis-cert",
    "--redis-key",
    "--redis-prefix",
    "--reads",
    "--redis-min-replicas",
    "--state-file",
    "--max-bytes",
    "--max-connections",
    "--max-connections-per-address",
    "--log-level",
];

/// `--flag=value` is `--flag value`, also where the value isn't UTF-8.
fn split_at_equals(argument: OsString) -> Vec<OsString> {
    let bytes = argument.as_bytes();
    match bytes.iter().position(|&byte| byte == b'=') {
        Some(at) if VALUE_FLAGS.iter().any(|flag| flag.as_bytes() == &bytes[..at]) => {
            vec![OsString::from_vec(bytes[..at].to_vec()), OsString::from_vec(bytes[at + 1..].to_vec())]
        }
        _ => vec![argument],
    }
}

/// Where values come from: flags first, then the variable.
struct Source<F> {
    arguments: Arguments,
    variable: F,
    faults: Vec<Fault>,
}

impl<F: Fn(&str) -> Option<OsString>> Source<F> {
    /// A flag without a value; given again it says the same.
    fn switch(&mut self, flag: &'static str) -> bool {
        let given = self.arguments.contains(flag);
        while self.arguments.contains(flag) {}
        given
    }

    /// A flag without a value, whose variable says yes or no.
    fn yes(&mut self, flag: &'static str, variable: &'static str) -> Vec<Given> {
        match self.switch(flag) {
            true => vec![Given { name: flag, value: "yes".into() }],
            false => self.variable(variable).into_iter().collect(),
        }
    }

    fn one(&mut self, flags: &[&'static str], variable: &'static str) -> Vec<Given> {
        let given = self.flags(flags);
        if given.len() > 1 {
            let times = format!("{} was given {} times; it must be given once", flags[0], given.len());
            self.faults.push(Fault(times));
        }
        if given.is_empty() { self.variable(variable).into_iter().collect() } else { given }
    }

    /// As [`Source::one`], but a variable that is set to nothing is a value: a prefix that somebody emptied would stand for
    /// every key of the database, and must not quietly become the default.
    fn one_or_nothing(&mut self, flag: &'static str, variable: &'static str) -> Vec<Given> {
        let given = self.one(&[flag], variable);
        match (self.variable)(variable) {
            Some(value) if given.is_empty() => vec![Given { name: variable, value }],
            _ => given,
        }
    }

    /// A flag that may be repeated; its variable holds a list with commas.
    fn many(&mut self, flags: &[&'static str], variable: &'static str) -> Vec<Given> {
        let given = self.flags(flags);
        if !given.is_empty() {
            return given;
        }
        let list = self.variable(variable).into_iter();
        list.flat_map(|Given { name, value }| {
            let items = value.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
            items.map(|item| Given { name, value: OsStr::from_bytes(item).into() }).collect::<Vec<_>>()
        })
        .collect()
    }

    fn flags(&mut self, flags: &[&'static str]) -> Vec<Given> {
        flags.iter().flat_map(|&flag| self.flag(flag)).collect()
    }

    fn flag(&mut self, flag: &'static str) -> Vec<Given> {
        let mut given = Vec::new();
        loop {
            let own = |value: &OsStr| Ok::<_, Infallible>(value.to_owned());
            match self.arguments.opt_value_from_os_str(flag, own) {
                Ok(Some(value)) => given.push(Given { name: flag, value }),
                Ok(None) => return given,
                Err(_) => {
                    // The only error left is a flag at the end of the line; taken off, so that the loop ends.
                    self.arguments.contains(flag);
                    self.faults.push(Fault(format!("{flag} needs a value; see --help")));
                }
            }
        }
    }

    /// A variable that is set to nothing counts as unset.
    fn variable(&self, name: &'static str) -> Option<Given> {
        let value = (self.variable)(name).filter(|value| !value.is_empty())?;
        Some(Given { name, value })
    }
}
