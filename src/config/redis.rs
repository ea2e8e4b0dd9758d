//! The settings of the Redis backend: raw values in, checked ones out. Opens neither the server nor the files with the
//! password and the certificates, and shows nothing of a value that could be a password or hold one.

use std::path::{Path, PathBuf};

use super::raw::{Given, Raw};
use super::{Checked, Fault, named};
use crate::link::url::{Endpoint, Place, Url, Wrong};

/// The longest prefix, in bytes.
const MAX_PREFIX: usize = 200;
/// What names a file that there need not be.
const FILE: &str = "none or an absolute path";

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
    /// The file with the CAs that are trusted; without it those of the system are.
    pub ca: Option<PathBuf>,
    /// The files with our own certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
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
        let flags = [
            &raw.redis_url,
            &raw.redis_password_file,
            &raw.redis_ca,
            &raw.redis_cert,
            &raw.redis_key,
            &raw.redis_prefix,
            &raw.reads,
            &raw.min_replicas,
        ];
        let flags =
            flags.into_iter().filter_map(|given| given.last()).filter(|given| given.name.starts_with("--"));
        self.faults.extend(flags.map(|Given { name, .. }| Fault(format!("{name} needs --backend redis"))));
    }

    fn redis(&mut self, raw: &Raw) -> Redis {
        const PREFIX: &str = "1 to 200 bytes of UTF-8 without control characters";
        const REPLICAS: &str = "a number of replicas from 0 to 16";

        let url = self.url(&raw.redis_url);
        let password_file = self.hidden(&raw.redis_password_file, FILE, |text| file(text, "none")).flatten();
        if let Some(url) = &url {
            self.one_password(raw, url, password_file.as_deref());
        }
        let (ca, certificate) = self.tls(raw, url.as_ref());
        let reads = |text: &str| match text {
            "mirror" => Some(Reads::Mirror),
            "redis" => Some(Reads::Redis),
            _ => None,
        };
        Redis {
            url: url.unwrap_or_else(local),
            password_file,
            ca,
            certificate,
            prefix: self
                .last(&raw.redis_prefix, PREFIX, prefix)
                .unwrap_or_else(|| "service_registry:".into()),
            reads: self.last(&raw.reads, "mirror or redis", reads).unwrap_or(Reads::Mirror),
            min_replicas: self.last(&raw.min_replicas, REPLICAS, replicas).unwrap_or(0),
        }
    }

    /// None where it is a fault.
    fn url(&mut self, given: &[Given]) -> Option<Url> {
        let mut url = given.is_empty().then(local);
        for Given { name, value } in given {
            let parsed = value.to_str().ok_or("it must be UTF-8".to_owned());
            match parsed.and_then(|text| Url::parse(text).map_err(|wrong| wrong.to_string())) {
                Ok(parsed) => url = Some(parsed),
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

impl Checked<'_> {
    /// The files with the CAs and with our own certificate and its key. What is meant for TLS and not used by it would leave
    /// somebody in the belief that it is.
    fn tls(&mut self, raw: &Raw, url: Option<&Url>) -> (Option<PathBuf>, Option<(PathBuf, PathBuf)>) {
        let faults = self.faults.len();
        let ca =
            self.last(&raw.redis_ca, "system or an absolute path", |text| file(text, "system")).flatten();
        let certificate = self.last(&raw.redis_cert, FILE, |text| file(text, "none")).flatten();
        let key = self.hidden(&raw.redis_key, FILE, |text| file(text, "none")).flatten();
        if self.faults.len() > faults {
            return (None, None);
        }
        let files = [(&ca, &raw.redis_ca), (&certificate, &raw.redis_cert), (&key, &raw.redis_key)];
        for (_, given) in files.into_iter().filter(|(file, _)| file.is_some()) {
            self.needs_tls(raw, url, &named(given, ""));
        }
        let (one, other) = match (&certificate, &key) {
            (Some(_), None) => (named(&raw.redis_cert, ""), named(&raw.redis_key, "--redis-key")),
            (None, Some(_)) => (named(&raw.redis_key, ""), named(&raw.redis_cert, "--redis-cert")),
            _ => return (ca, certificate.zip(key)),
        };
        self.faults.push(Fault(format!("{one} names a file, so {other} must name one as well")));
        (ca, None)
    }

    fn needs_tls(&mut self, raw: &Raw, url: Option<&Url>, name: &str) {
        if !cfg!(feature = "tls") {
            self.faults.push(Fault(format!("{name} must not be given: {}", Wrong::NO_TLS)));
        } else if url.is_some_and(|url| !url.tls) {
            let url = named(&raw.redis_url, "--redis-url");
            let need = "must begin with rediss:// or rediss+sentinel://";
            self.faults.push(Fault(format!("{name} is for TLS, so {url} {need}")));
        }
    }
}

/// The Redis of a URL that isn't given.
fn local() -> Url {
    let place = Place::Tcp(Endpoint { host: "localhost".into(), port: 6379 });
    Url { place, user: None, password: None, db: 0, tls: false }
}

/// An absolute path, or the word that stands for no file.
fn file(text: &str, no_file: &str) -> Option<Option<PathBuf>> {
    if text == no_file {
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
        assert_eq!((redis.ca, redis.certificate), (None, None));
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
        let line = "--redis-url redis://h --redis-password-file /f --redis-ca system --redis-cert none --redis-key none \
                    --redis-prefix x --reads redis --redis-min-replicas 1";
        let flags =
            ["url", "password-file", "ca", "cert", "key", "prefix"].map(|name| format!("--redis-{name}"));
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

    const TLS: &str = "--backend redis --redis-url rediss://h";
    const FILES: [(&str, &str); 3] = [
        ("SERVICE_REGISTRY_REDIS_CA", "/ca"),
        ("SERVICE_REGISTRY_REDIS_CERT", "/cert"),
        ("SERVICE_REGISTRY_REDIS_KEY", "/key"),
    ];

    #[test]
    #[cfg(not(feature = "tls"))]
    fn a_build_without_tls_says_so() {
        let url = "--redis-url must be a URL such as redis://localhost:6379/0: this build has no TLS (cargo feature tls); \
                   it is not shown, as it may hold a password";
        let files = FILES
            .map(|(name, _)| format!("{name} must not be given: this build has no TLS (cargo feature tls)"));
        assert_eq!(read(TLS, &[]), Err(vec![url.into()]));
        assert_eq!(read("--backend redis", &FILES), Err(files.to_vec()));
        assert_eq!(read(TLS, &FILES), Err([&[url.into()], &files[..]].concat()));
        let line = "--backend redis --redis-ca system --redis-cert none --redis-key none";
        assert_eq!((redis(line, &[]).ca, redis(line, &FILES).certificate), (None, None));
    }

    #[test]
    #[cfg(feature = "tls")]
    fn the_files_of_tls_are_for_tls() {
        let told = redis(TLS, &FILES);
        assert_eq!((told.ca, told.certificate), (Some("/ca".into()), Some(("/cert".into(), "/key".into()))));
        let line = format!("{TLS} --redis-ca system --redis-cert none --redis-key none");
        assert_eq!((redis(&line, &FILES).ca, redis(&line, &FILES).certificate), (None, None));
        let needs = |name: &str| {
            format!(
                "{name} is for TLS, so --redis-url (by default) must begin with rediss:// or rediss+sentinel://"
            )
        };
        assert_eq!(read("--backend redis", &FILES), Err(FILES.map(|(name, _)| needs(name)).to_vec()));
        let plain = "--backend redis --redis-url redis://h --redis-cert none --redis-key none";
        let expected = "SERVICE_REGISTRY_REDIS_CA is for TLS, so --redis-url must begin with rediss:// or rediss+sentinel://";
        assert_eq!(read(plain, &FILES), Err(vec![expected.into()]));
    }

    #[test]
    #[cfg(feature = "tls")]
    fn a_certificate_has_its_key() {
        for (given, expected) in [
            (
                "--redis-cert /c",
                "--redis-cert names a file, so --redis-key (by default) must name one as well",
            ),
            (
                "--redis-key /k",
                "--redis-key names a file, so --redis-cert (by default) must name one as well",
            ),
            (
                "--redis-cert /c --redis-key none",
                "--redis-cert names a file, so --redis-key must name one as well",
            ),
            (
                "--redis-cert /c --redis-key ./k",
                "--redis-key must be none or an absolute path; what it is is not shown",
            ),
        ] {
            assert_eq!(read(&format!("{TLS} {given}"), &[]), Err(vec![expected.into()]));
        }
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
