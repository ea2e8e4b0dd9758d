//! Flags and environment variables in, a checked [`Config`] out, or every fault at once. Opens, binds and resolves
//! nothing, and reads no variable but through the function it is given.

mod healthcheck;
mod help;
mod raw;
mod redis;
mod state;

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use log::LevelFilter;

use crate::quote;
pub use help::HELP;
use raw::{Given, Raw};
pub use redis::{Backend, Reads, Redis};
pub use state::StateFile;

/// What the daemon runs by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The registry port; 0 lets the system pick.
    pub port: u16,
    /// The health port; 0 lets the system pick.
    pub health_port: u16,
    /// The addresses to listen on; none means every address of the host.
    pub bind: Vec<IpAddr>,
    /// Where records live.
    pub backend: Backend,
    /// Where it is written down who is registered, so that a restart loses nobody.
    pub state: Option<StateFile>,
    /// The most bytes of names and records.
    pub max_bytes: u64,
    /// The most connections of the registry port.
    pub max_connections: usize,
    /// The most of them for one address; none means half.
    pub max_connections_per_address: Option<usize>,
    /// The least severe lines that are logged.
    pub log_level: LevelFilter,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
    /// Say that the configuration is in order, and end.
    Check,
    /// Ask the registry that serves its health port there whether it lives.
    HealthCheck(SocketAddr),
    /// Run.
    Run(Config),
}

/// One wrong flag or variable: its name, what it must be, what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Reads the arguments that follow the program's name, and the variables that `variable` knows.
pub fn read(
    mut arguments: Vec<OsString>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Wish, Vec<Fault>> {
    let asks = healthcheck::taken_off(&mut arguments);
    let mut raw = raw::read(arguments, variable);
    if raw.help {
        return Ok(Wish::Help);
    }
    if raw.version {
        return Ok(Wish::Version);
    }
    let mut faults = std::mem::take(&mut raw.faults);
    let config = check(&raw, &mut faults);
    match faults.is_empty() {
        false => Err(faults),
        true if raw.check => Ok(Wish::Check),
        true if asks => healthcheck::target(&config).map(Wish::HealthCheck).map_err(|fault| vec![fault]),
        true => Ok(Wish::Run(config)),
    }
}

fn check(raw: &Raw, faults: &mut Vec<Fault>) -> Config {
    const PORT: &str = "an integer from 0 to 65535 (0: the system picks)";
    const BIND: &str = "an IP address such as 127.0.0.1 or ::1";
    const MAX_BYTES: &str = "a number of bytes from 1KiB to 1TiB, such as 1000000, 64KiB, 256MiB or 1GiB";
    const CONNECTIONS: &str = "a number of connections from 1 to 1000000";
    const LOG: &str = "error, warn, info, debug, trace or off";

    let mut checked = Checked { faults };
    let ports = checked.ports(raw, PORT);
    let (max_connections, max_connections_per_address) = checked.connections(raw, CONNECTIONS);
    let backend = checked.backend(raw);
    let state = checked.state(raw, &backend);
    Config {
        port: ports.0,
        health_port: ports.1,
        backend,
        state,
        bind: checked.bind(&raw.bind, BIND),
        max_bytes: checked.last(&raw.max_bytes, MAX_BYTES, bytes).unwrap_or(256 << 20),
        max_connections,
        max_connections_per_address,
        log_level: checked.last(&raw.log, LOG, level).unwrap_or(LevelFilter::Info),
    }
}

/// Turns raw values into checked ones, and notes what is wrong with them.
struct Checked<'a> {
    faults: &'a mut Vec<Fault>,
}

impl Checked<'_> {
    /// The registry port and the health port, which must differ.
    fn ports(&mut self, raw: &Raw, need: &str) -> (u16, u16) {
        let faults = self.faults.len();
        let registry = self.last(&raw.port, need, port).unwrap_or(7100);
        let health = self.last(&raw.health_port, need, port).unwrap_or(8100);
        // Where one of them is wrong its default stands in, and says nothing; 0 becomes two ports.
        if registry == health && registry != 0 && self.faults.len() == faults {
            let (one, other) = (named(&raw.port, "--port"), named(&raw.health_port, "--health-port"));
            self.faults.push(Fault(format!("{one} and {other} must differ, but both are {registry}")));
        }
        (registry, health)
    }

    /// How many connections there may be, and how many of one address, which can't be more.
    fn connections(&mut self, raw: &Raw, need: &str) -> (usize, Option<usize>) {
        let faults = self.faults.len();
        let all = self.last(&raw.max_connections, need, connections).unwrap_or(4096);
        let or_half = |text: &str| if text == "half" { Some(None) } else { connections(text).map(Some) };
        let need = format!("{need}, or half");
        let per_address = self.last(&raw.max_connections_per_address, &need, or_half).flatten();
        if let Some(per_address) = per_address.filter(|&one| one > all && self.faults.len() == faults) {
            let one = named(&raw.max_connections_per_address, "--max-connections-per-address");
            let other = named(&raw.max_connections, "--max-connections");
            self.faults.push(Fault(format!("{one} must be at most {other}, {all}, not {per_address}")));
        }
        (all, per_address)
    }

    /// The addresses to listen on. Where one listens already, no other can.
    fn bind(&mut self, given: &[Given], need: &str) -> Vec<IpAddr> {
        let addresses: Vec<IpAddr> = self.each(given, need, |text| text.parse().ok());
        let name = named(given, "--bind");
        let is_first = |(at, ip): &(usize, &IpAddr)| !addresses[..*at].contains(ip);
        for (_, ip) in addresses.iter().enumerate().filter(is_first) {
            let times = addresses.iter().filter(|&other| other == ip).count();
            if times > 1 {
                let fault = format!("{name} was given {ip} {times} times; it must be given once");
                self.faults.push(Fault(fault));
            }
            let includes = |any: &IpAddr| any.is_unspecified() && any.is_ipv4() == ip.is_ipv4() && any != ip;
            if let Some(any) = addresses.iter().find(|any| includes(any)) {
                self.faults.push(Fault(format!("{name} was given {ip} beside {any}, which includes it")));
            }
        }
        addresses
    }

    fn last<T>(&mut self, given: &[Given], need: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.each(given, need, parse).pop()
    }

    fn each<T>(&mut self, given: &[Given], need: &str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let mut values = Vec::new();
        for Given { name, value } in given {
            match value.to_str().and_then(&parse) {
                Some(value) => values.push(value),
                None => self.faults.push(refused(name, need, &value.to_string_lossy())),
            }
        }
        values
    }
}

/// The flag or variable that a value came from.
fn named(given: &[Given], flag: &str) -> String {
    given.last().map_or_else(|| format!("{flag} (by default)"), |given| given.name.to_owned())
}

fn refused(name: &str, need: &str, was: &str) -> Fault {
    Fault(format!("{name} must be {need}, not \"{}\"", shown(was)))
}

/// What was given, cut where a URL begins that may hold a password, whatever it was given for.
fn shown(was: &str) -> String {
    match was.find("://") {
        Some(at) => quote::shown(&format!("{}…", &was[..at + 3])),
        None => quote::shown(was),
    }
}

fn port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn connections(text: &str) -> Option<usize> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?.filter(|count| (1..=1_000_000).contains(count))
}

fn level(text: &str) -> Option<LevelFilter> {
    // FromStr takes any case; the contract's words are lower case, and so are ours.
    text.bytes().all(|byte| byte.is_ascii_lowercase()).then(|| text.parse().ok())?
}

fn bytes(text: &str) -> Option<u64> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    let (digits, shift) =
        units.iter().find_map(|&(unit, shift)| Some((text.strip_suffix(unit)?, shift))).unwrap_or((text, 0));
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let bytes = plain.then(|| digits.parse::<u64>().ok())??.checked_mul(1 << shift)?;
    (1 << 10..=1 << 40).contains(&bytes).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_line(line: &str, variables: &[(&str, &str)]) -> Result<Wish, Vec<String>> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        read(line.split_whitespace().map(OsString::from).collect(), variable)
            .map_err(|faults| faults.iter().map(Fault::to_string).collect())
    }

    fn config(line: &str, variables: &[(&str, &str)]) -> Config {
        match read_line(line, variables) {
            Ok(Wish::Run(config)) => config,
            other => panic!("{line} with {variables:?} gave {other:?}"),
        }
    }

    #[test]
    fn flags_win_over_variables_and_variables_over_defaults() {
        let defaults = config("", &[("SERVICE_REGISTRY_PORT", "")]);
        assert_eq!((defaults.port, defaults.health_port, defaults.max_bytes), (7100, 8100, 256 << 20));
        assert_eq!((defaults.log_level, defaults.bind.len()), (LevelFilter::Info, 0));
        let variables = [("SERVICE_REGISTRY_PORT", "1"), ("SERVICE_REGISTRY_BIND", "::1, 127.0.0.1")];
        assert_eq!(config("", &variables).port, 1);
        assert_eq!(config("", &variables).bind.len(), 2);
        assert_eq!(config("--port 2 --bind 127.0.0.2", &variables).port, 2);
        assert_eq!(
            config("--bind=127.0.0.2", &variables).bind,
            ["127.0.0.2".parse::<IpAddr>().expect("one")]
        );
        assert_eq!(config("--health-check-port=0", &[]).health_port, 0);
    }

    #[test]
    fn sizes_have_binary_units_and_bounds() {
        for (text, expected) in [
            ("1024", Some(1024)),
            ("1KiB", Some(1024)),
            ("1TiB", Some(1 << 40)),
            ("1023", None),
            ("2TiB", None),
            ("1MB", None),
            ("", None),
            ("KiB", None),
            ("-1KiB", None),
            ("99999999999999999999", None),
            ("18446744073709551615KiB", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn every_fault_is_told_with_name_need_and_value() {
        let line =
            "--port 65536 --bind nowhere --backend sqlite --max-bytes 5 --log-level loud extra --unknown";
        let faults = read_line(line, &[("SERVICE_REGISTRY_HEALTH_PORT", "x")]).expect_err("faults");
        let expected = [
            "unknown argument \"extra\"",
            "unknown argument \"--unknown\"",
            "--port must be an integer from 0 to 65535 (0: the system picks), not \"65536\"",
            "SERVICE_REGISTRY_HEALTH_PORT must be an integer from 0 to 65535 (0: the system picks), not \"x\"",
            "--backend must be memory or redis, not \"sqlite\"",
            "--bind must be an IP address such as 127.0.0.1 or ::1, not \"nowhere\"",
            "--max-bytes must be a number of bytes from 1KiB to 1TiB, such as 1000000, 64KiB, 256MiB or 1GiB, not \"5\"",
            "--log-level must be error, warn, info, debug, trace or off, not \"loud\"",
        ];
        for (fault, expected) in faults.iter().zip(expected) {
            assert!(fault.starts_with(expected), "{fault}");
        }
        assert_eq!(faults.len(), expected.len());
    }

    #[test]
    fn an_address_may_hold_at_most_all_connections() {
        let defaults = config("", &[]);
        assert_eq!((defaults.max_connections, defaults.max_connections_per_address), (4096, None));
        let given = config("--max-connections 5 --max-connections-per-address=5", &[]);
        assert_eq!((given.max_connections, given.max_connections_per_address), (5, Some(5)));
        let variables = [("SERVICE_REGISTRY_MAX_CONNECTIONS_PER_ADDRESS", "5000")];
        let fault = read_line("", &variables).expect_err("fault");
        let expected = "SERVICE_REGISTRY_MAX_CONNECTIONS_PER_ADDRESS must be at most --max-connections (by default), \
                        4096, not 5000";
        assert_eq!(fault, [expected]);
        assert_eq!(config("--max-connections-per-address half", &[]), defaults);
        for wrong in ["0", "1000001", "-1", "+1", "1e3", "many"] {
            let fault = read_line(&format!("--max-connections={wrong}"), &[]).expect_err("fault");
            let expected = format!(
                "--max-connections must be a number of connections from 1 to 1000000, not \"{wrong}\""
            );
            assert_eq!(fault, [expected]);
        }
    }

    #[test]
    fn help_and_version_come_before_faults() {
        assert_eq!(read_line("--port x --help", &[]), Ok(Wish::Help));
        assert_eq!(read_line("stray -V", &[]), Ok(Wish::Version));
        assert_eq!(read_line("--check-config", &[]), Ok(Wish::Check));
        assert_eq!(read_line("healthcheck --check-config", &[]), Ok(Wish::Check));
    }

    #[test]
    fn a_state_file_may_be_kept_through_a_power_failure() {
        let state = |line: &str, variables: &[(&str, &str)]| config(line, variables).state;
        let file = |path: &str, sync| Some(StateFile { path: path.into(), sync });
        let variables = [("SERVICE_REGISTRY_STATE_FILE", "/a b"), ("SERVICE_REGISTRY_STATE_SYNC", "yes")];
        assert_eq!((state("", &[]), state("", &variables)), (None, file("/a b", true)));
        assert_eq!(
            (state("--state-file=none", &variables), state("--state-file c", &variables)),
            (None, file("c", true))
        );
        assert_eq!(state("--state-file c --state-sync", &variables[..1]), file("c", true));
        assert_eq!(state("--state-file c --backend redis", &variables), file("c", true));
        for (line, fault) in [
            ("--state-file c/", "--state-file must be none or a path, not \"c/\""),
            ("--state-sync", "--state-sync needs --state-file"),
            ("--state-sync --state-file none", "--state-sync needs --state-file"),
            (
                "--state-sync --state-file c --backend redis",
                "--state-sync needs --backend memory: behind Redis",
            ),
        ] {
            let faults = read_line(line, &[]).expect_err(line);
            assert!(faults.len() == 1 && faults[0].starts_with(fault), "{faults:?}");
        }
        let faults = read_line("", &[("SERVICE_REGISTRY_STATE_SYNC", "1")]).expect_err("fault");
        assert_eq!(faults, ["SERVICE_REGISTRY_STATE_SYNC must be yes or no, not \"1\""]);
    }

    #[test]
    fn a_flag_needs_one_value() {
        assert!(read_line("--port", &[]).expect_err("fault")[0].starts_with("--port needs a value"));
        let twice = read_line("--port 1 --port 2", &[]).expect_err("fault");
        assert_eq!(twice, ["--port was given 2 times; it must be given once"]);
        assert!(read_line("--port 7 --health-port 7", &[]).expect_err("fault")[0].contains("both are 7"));
    }

    #[test]
    fn a_health_check_asks_where_the_daemon_listens() {
        for (line, expected) in [
            ("healthcheck", "127.0.0.1:8100"),
            ("healthcheck --health-port 1", "127.0.0.1:1"),
            ("healthcheck --bind 0.0.0.0", "127.0.0.1:8100"),
            ("healthcheck --bind ::", "[::1]:8100"),
            ("healthcheck --bind 192.0.2.1 --bind ::1", "192.0.2.1:8100"),
        ] {
            assert_eq!(read_line(line, &[]), Ok(Wish::HealthCheck(expected.parse().expect("an address"))));
        }
        for line in ["healthcheck --health-port 0", "--health-port 1 healthcheck", "healthcheck healthcheck"]
        {
            assert_eq!(read_line(line, &[]).map_err(|faults| faults.len()), Err(1), "{line}");
        }
    }
}
