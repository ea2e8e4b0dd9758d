//! The settings of the Redis backend: raw values in, checked ones out. Opens neither the server nor the file with the
//! password, and shows nothing of a value that could be a password or hold one.

use std::path::{Path, PathBuf};

use super::raw::{Given, Raw};
use super::{Checked, Fault, named};
use crate::link::url::{Endpoint, Place, Url};

/// The longest prefix, in bytes.
const MAX_PREFIX: usize = 200;

/// Where records live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// In this process, and gone with it.
    Memory,
    /// In a Redis that instances share.
    Redis(Box<Redis>),
}

/// What the Redis backend runs by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// Where Redis is, and who we are there.
    pub url: Url,
    /// The file that holds the password, where the URL doesn't.
    pub password_file: Option<PathBuf>,
    /// What the keys of all records begin with; never empty.
    pub prefix: String,
    /// Who answers a lookup.
    pub reads: Reads,
    /// How many replicas must have a registration before it is acknowledged.
    pub min_replicas: u32,
}

/// Who answers a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// The mirror in memory, which may lag.
    Mirror,
    /// Redis, each time.
    Redis,
}

impl Backend {
    /// What it is called, where it is given and where it is told.
    pub fn name(&self) -> &'static str {
        match self {
            Backend::Memory => "memory",
            Backend::Redis(_) => "redis",
        }
    }
}

impl Checked<'_> {
    /// The backend. What is given for Redis is checked whichever it is.
    pub(super) fn backend(&mut self, raw: &Raw) -> Backend {
        let kinds = |text: &str| ["memory", "redis"].into_iter().find(|kind| *kind == text);
        let kind = self.last(&raw.backend, "memory or redis", kinds);
        let redis = self.redis(raw);
        if kind == Some("redis") {
            return Backend::Redis(Box::new(redis));
        }
        // A value that is no backend is a fault already, and may have meant Redis.
        if kind.is_some() || raw.backend.is_empty() {
            self.without_redis(raw);
        }
        Backend::Memory
    }

    /// A flag that would do nothing is a mistake; a variable may come from a file that several instances share.
    fn without_redis(&mut self, raw: &Raw) {
        let flags =
            [&raw.redis_url, &raw.redis_password_file, &raw.redis_prefix, &raw.reads, &raw.min_replicas];
        let flags =
            flags.into_iter().filter_map(|given| given.last()).filter(|given| given.name.starts_with("--"));
        self.faults.extend(flags.map(|Given { name, .. }| Fault(format!("{name} needs --backend redis"))));
    }

    fn redis(&mut self, raw: &Raw) -> Redis {
        const PREFIX: &str = "1 to 200 bytes of UTF-8 without control characters";
        const FILE: &str = "none or an absolute path";
        const REPLICAS: &str = "a number of replicas from 0 to 16";

        let url = self.url(&raw.redis_url);
        let password_file = self.hidden(&raw.redis_password_file, FILE, password_file).flatten();
        self.one_password(raw, &url, password_file.as_deref());
        let reads = |text: &str| match text {
            "mirror" => Some(Reads::Mirror),
            "redis" => Some(Reads::Redis),
            _ => None,
        };
        Redis {
            url,
            password_file,
            prefix: self
                .last(&raw.redis_prefix, PREFIX, prefix)
                .unwrap_or_else(|| "service_registry:".into()),
            reads: self.last(&raw.reads, "mirror or redis", reads).unwrap_or(Reads::Mirror),
            min_replicas: self.last(&raw.min_replicas, REPLICAS, replicas).unwrap_or(0),
        }
    }

    fn url(&mut self, given: &[Given]) -> Url {
        let mut url = local();
        for Given { name, value } in given {
            let parsed = value.to_str().ok_or("it must be UTF-8".to_owned());
            match parsed.and_then(|text| Url::parse(text).map_err(|wrong| wrong.to_string())) {
                Ok(parsed) => url = parsed,
                Err(wrong) => self.faults.push(Fault(format!(
                    "{name} must be a URL such as redis://localhost:6379/0: {wrong}; it is not shown, as it may hold a \
                     password"
                ))),
            }
        }
        url
    }

    /// The last value, which a fault about it doesn't show.
    fn hidden<T>(&mut self, given: &[Given], need: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let mut last = None;
        for Given { name, value } in given {
            last = value.to_str().and_then(&parse);
            if last.is_none() {
                self.faults.push(Fault(format!("{name} must be {need}; what it is is not shown")));
            }
        }
        last
    }

    /// Signing in takes one password, and a user alone has none.
    fn one_password(&mut self, raw: &Raw, url: &Url, file: Option<&Path>) {
        let one = named(&raw.redis_url, "--redis-url");
        if url.password.is_some() && file.is_some() {
            let other = named(&raw.redis_password_file, "--redis-password-file");
            self.faults.push(Fault(format!("{one} holds a password, so {other} must be none")));
        }
        if url.user.is_some() && url.password.is_none() && file.is_none() {
            let need = "must hold the password as well, or --redis-password-file name a file with it";
            self.faults.push(Fault(format!("{one} names a user, so it {need}")));
        }
    }
}

/// The Redis of a URL that isn't given.
fn local() -> Url {
    let place = Place::Tcp(Endpoint { host: "localhost".into(), port: 6379 });
    Url { place, user: None, password: None, db: 0, tls: false }
}

fn password_file(text: &str) -> Option<Option<PathBuf>> {
    if text == "none" {
        return Some(None);
    }
    let plain = Path::new(text).is_absolute() && !text.chars().any(char::is_control);
    plain.then(|| Some(text.into()))
}

fn prefix(text: &str) -> Option<String> {
    let fits = (1..=MAX_PREFIX).contains(&text.len()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

fn replicas(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?.filter(|count| *count <= 16)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use crate::config::{Config, Wish};

    use super::*;

    fn read(line: &str, variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        match crate::config::read(line.split_whitespace().map(OsString::from).collect(), variable) {
            Ok(Wish::Run(config)) => Ok(config),
            Ok(other) => panic!("{line} gave {other:?}"),
            Err(faults) => Err(faults.iter().map(Fault::to_string).collect()),
        }
    }

    fn redis(line: &str, variables: &[(&str, &str)]) -> Redis {
        match read(line, variables).map(|config| config.backend) {
            Ok(Backend::Redis(redis)) => *redis,
            other => panic!("{line} with {variables:?} gave {other:?}"),
        }
    }

    #[test]
    fn what_is_not_given_has_a_default() {
        let redis = redis("--backend redis", &[]);
        assert_eq!(redis.url, Url::parse("redis://localhost:6379/0").expect("a URL"));
        assert_eq!((redis.password_file, redis.prefix.as_str()), (None, "service_registry:"));
        assert_eq!((redis.reads, redis.min_replicas), (Reads::Mirror, 0));
        assert_eq!(read("", &[]).expect("a configuration").backend, Backend::Memory);
    }

    #[test]
    fn flags_win_over_variables() {
        let variables = [
            ("SERVICE_REGISTRY_BACKEND", "redis"),
            ("SERVICE_REGISTRY_REDIS_URL", "redis://u@h1/1"),
            ("SERVICE_REGISTRY_REDIS_PASSWORD_FILE", "/run/p"),
            ("SERVICE_REGISTRY_REDIS_PREFIX", "a*?[]\\"),
            ("SERVICE_REGISTRY_READS", "redis"),
            ("SERVICE_REGISTRY_REDIS_MIN_REPLICAS", "16"),
        ];
        let by_variables = redis("", &variables);
        assert_eq!(by_variables.url, Url::parse("redis://u@h1/1").expect("a URL"));
        assert_eq!(by_variables.password_file, Some("/run/p".into()));
        assert_eq!((by_variables.prefix.as_str(), by_variables.reads), ("a*?[]\\", Reads::Redis));
        assert_eq!(by_variables.min_replicas, 16);
        let line = "--redis-url=unix:///s --redis-password-file none --redis-prefix é --reads mirror \
                    --redis-min-replicas=1";
        let by_flags = redis(line, &variables);
        assert_eq!((by_flags.url, by_flags.password_file), (Url::parse("unix:///s").expect("a URL"), None));
        assert_eq!((by_flags.prefix.as_str(), by_flags.reads), ("é", Reads::Mirror));
        assert_eq!(by_flags.min_replicas, 1);
    }

    #[test]
    fn a_prefix_is_never_empty() {
        let need = "1 to 200 bytes of UTF-8 without control characters";
        let nothing = [("SERVICE_REGISTRY_REDIS_PREFIX", "")];
        let expected = format!("SERVICE_REGISTRY_REDIS_PREFIX must be {need}, not \"\"");
        assert_eq!(read("", &nothing), Err(vec![expected.clone()]));
        assert_eq!(read("--backend redis", &nothing), Err(vec![expected]));
        assert_eq!(redis("--backend redis --redis-prefix x", &nothing).prefix, "x");
        let expected = format!("--redis-prefix must be {need}, not \"\"");
        assert_eq!(read("--backend redis --redis-prefix=", &[]), Err(vec![expected]));
        let longest = "x".repeat(MAX_PREFIX);
        assert_eq!(redis(&format!("--backend redis --redis-prefix {longest}"), &[]).prefix, longest);
        assert!(read(&format!("--backend redis --redis-prefix {longest}x"), &[]).is_err());
    }

    #[test]
    fn flags_of_redis_need_it_and_variables_do_not() {
        let line = "--redis-url redis://h --redis-password-file /f --redis-prefix x --reads redis \
                    --redis-min-replicas 1";
        let flags = ["url", "password-file", "prefix"].map(|name| format!("--redis-{name}"));
        let flags = flags.into_iter().chain(["--reads".into(), "--redis-min-replicas".into()]);
        let expected: Vec<String> = flags.map(|flag| format!("{flag} needs --backend redis")).collect();
        assert_eq!(read(line, &[]), Err(expected.clone()));
        assert_eq!(read(&format!("--backend memory {line}"), &[]), Err(expected));
        assert!(read(line, &[("SERVICE_REGISTRY_BACKEND", "redis")]).is_ok());
        let config = read("", &[("SERVICE_REGISTRY_READS", "redis"), ("SERVICE_REGISTRY_REDIS_PREFIX", "x")]);
        assert_eq!(config.expect("a configuration").backend, Backend::Memory);
        let wrong = [("SERVICE_REGISTRY_READS", "disk")];
        assert_eq!(
            read("", &wrong),
            Err(vec!["SERVICE_REGISTRY_READS must be mirror or redis, not \"disk\"".into()])
        );
        // Which backend was meant nobody knows, so nothing is said of what it needs.
        assert_eq!(
            read("--backend Redis --reads redis", &[]),
            Err(vec!["--backend must be memory or redis, not \"Redis\"".into()])
        );
    }

    #[test]
    fn there_is_one_password_and_a_user_has_it() {
        let file = [("SERVICE_REGISTRY_REDIS_PASSWORD_FILE", "/f")];
        assert_eq!(
            read("--backend redis --redis-url redis://:hunter2@h", &file),
            Err(vec![
                "--redis-url holds a password, so SERVICE_REGISTRY_REDIS_PASSWORD_FILE must be none".into()
            ])
        );
        let line = "--backend redis --redis-url redis://hunter2@h";
        let expected = "--redis-url names a user, so it must hold the password as well, or \
                        --redis-password-file name a file with it";
        assert_eq!(read(line, &[]), Err(vec![expected.into()]));
        assert_eq!(redis(line, &file).password_file, Some("/f".into()));
    }

    #[test]
    fn no_fault_shows_a_password() {
        for line in [
            "--redis-url redis://:hunter2@h:x",
            "--redis-url hunter2",
            "--redis-url redis://h --redis-url redis://:hunter2@h",
            "--redis_url=redis://:hunter2@h",
            "redis://:hunter2@h",
            "--backend redis://:hunter2@h",
            "--redis-prefix redis://:hunter2@h --port=redis://:hunter2@h",
            "--redis-password-file hunter2",
            "--redis-password hunter2",
            "--redis-password=hunter2 --requirePASS hunter2 --pass=x=hunter2",
        ] {
            let faults = read(line, &[]).expect_err(line);
            assert!(!faults.iter().any(|fault| fault.contains("hunter2")), "{faults:?}");
        }
        let faults = read("--redis-password -V= --pass=x stray", &[]).expect_err("faults");
        let expected = ["--redis-password", "-V=", "--pass=…", "stray"];
        assert_eq!(faults, expected.map(|shown| format!("unknown argument \"{shown}\"; see --help")));
        let fault = read("--backend redis --redis-url redis://:p/q@h", &[]).expect_err("a fault");
        let expected = "--redis-url must be a URL such as redis://localhost:6379/0: in a user or a password, write # \
                        as %23, / as %2F, ? as %3F and @ as %40; it is not shown, as it may hold a password";
        assert_eq!(fault, [expected]);
    }
}
