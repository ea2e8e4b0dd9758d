//! Wrong flags and variables as a table: what is given, and what must be said of it. Holds no code.

/// A faulty start: arguments, variables, and for each line on standard error the words it must have.
pub(super) type Faulty<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a [&'a str]]);

const PORTS: &str = "65535";

/// Arguments and variables.
pub(super) type Given<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

/// One flag each.
pub(super) const WRONG_FLAGS: [Faulty; 42] = [
    (&["--port", "65536"], &[], &[&["--port", "\"65536\"", PORTS]]),
    (&["--port", "-1"], &[], &[&["--port", "\"-1\"", PORTS]]),
    (&["--port", "+7100"], &[], &[&["--port", "\"+7100\"", PORTS]]),
    (&["--port", "abc"], &[], &[&["--port", "\"abc\"", PORTS]]),
    (&["--port", "80.5"], &[], &[&["--port", "\"80.5\"", PORTS]]),
    (&["--port", "0x1BBC"], &[], &[&["--port", "\"0x1BBC\"", PORTS]]),
    (&["--port", " 7100"], &[], &[&["--port", "\" 7100\"", PORTS]]),
    (&["--port", ""], &[], &[&["--port", "\"\"", PORTS]]),
    (&["--port="], &[], &[&["--port", "\"\"", PORTS]]),
    (&["--port=99999999999999999999"], &[], &[&["--port", "\"99999999999999999999\"", PORTS]]),
    (&["--port", "70\n71"], &[], &[&["--port", "\"70\\n71\"", PORTS]]),
    (&["--health-port", "65536"], &[], &[&["--health-port", "\"65536\"", PORTS]]),
    (&["--health-port=abc"], &[], &[&["--health-port", "\"abc\"", PORTS]]),
    (&["--health-check-port", "abc"], &[], &[&["--health-check-port", "\"abc\"", PORTS]]),
    (&["--bind", "localhost"], &[], &[&["--bind", "\"localhost\"", "IP address"]]),
    (&["--bind", "registry.example"], &[], &[&["--bind", "\"registry.example\"", "IP address"]]),
    (&["--bind", "127.0.0"], &[], &[&["--bind", "\"127.0.0\"", "IP address"]]),
    (&["--bind", "127.0.0.1:7100"], &[], &[&["--bind", "\"127.0.0.1:7100\"", "IP address"]]),
    (&["--bind", "*"], &[], &[&["--bind", "\"*\"", "IP address"]]),
    (&["--bind", ""], &[], &[&["--bind", "\"\"", "IP address"]]),
    (&["--bind", "127.0.0.1", "--bind", "::z"], &[], &[&["--bind", "\"::z\"", "IP address"]]),
    (&["--backend", "sqlite"], &[], &[&["--backend", "\"sqlite\"", "memory or redis"]]),
    (&["--backend", "Redis"], &[], &[&["--backend", "\"Redis\"", "memory or redis"]]),
    (&["--backend="], &[], &[&["--backend", "\"\"", "memory or redis"]]),
    (&["--max-bytes", "0"], &[], &[&["--max-bytes", "\"0\"", "256MiB"]]),
    (&["--max-bytes", "plenty"], &[], &[&["--max-bytes", "\"plenty\"", "256MiB"]]),
    (&["--max-bytes", "-5MiB"], &[], &[&["--max-bytes", "\"-5MiB\"", "256MiB"]]),
    (
        &["--max-bytes", "99999999999999999999"],
        &[],
        &[&["--max-bytes", "\"99999999999999999999\"", "256MiB"]],
    ),
    (&["--max-bytes", "99999999999TiB"], &[], &[&["--max-bytes", "\"99999999999TiB\"", "256MiB"]]),
    (
        &["--log-level", "loud"],
        &[],
        &[&["--log-level", "\"loud\"", "error, warn, info, debug, trace", "off"]],
    ),
    (&["--log-level", ""], &[], &[&["--log-level", "\"\"", "error, warn, info, debug, trace", "off"]]),
    (&["--colour", "red"], &[], &[&["\"--colour\""], &["\"red\""]]),
    (&["--foo=bar"], &[], &[&["\"--foo=bar\""]]),
    (&["--colour=--port", "--port", "0"], &[], &[&["\"--colour=--port\""]]),
    (&["--=7100"], &[], &[&["\"--=7100\""]]),
    (&["--version=1"], &[], &[&["\"--version=1\""]]),
    (&["--help=ports"], &[], &[&["\"--help=ports\""]]),
    (&["-p"], &[], &[&["\"-p\""]]),
    (&["7100"], &[], &[&["\"7100\""]]),
    (&["--port"], &[], &[&["--port", "needs a value"]]),
    (&["--port", "7100", "--port=7101"], &[], &[&["--port", "2 times", "once"]]),
    (&["--health-port", "1", "--health-check-port", "2"], &[], &[&["--health-port", "2 times", "once"]]),
];

/// One variable each.
pub(super) const WRONG_VARIABLES: [Faulty; 13] = [
    (&[], &[("SERVICE_REGISTRY_PORT", "65536")], &[&["SERVICE_REGISTRY_PORT", "\"65536\"", PORTS]]),
    (&[], &[("SERVICE_REGISTRY_PORT", "abc")], &[&["SERVICE_REGISTRY_PORT", "\"abc\"", PORTS]]),
    (&[], &[("SERVICE_REGISTRY_PORT", " ")], &[&["SERVICE_REGISTRY_PORT", "\" \"", PORTS]]),
    (&[], &[("SERVICE_REGISTRY_HEALTH_PORT", "-1")], &[&["SERVICE_REGISTRY_HEALTH_PORT", "\"-1\"", PORTS]]),
    (
        &[],
        &[("SERVICE_REGISTRY_BIND", "localhost")],
        &[&["SERVICE_REGISTRY_BIND", "\"localhost\"", "IP address"]],
    ),
    (
        &[],
        &[("SERVICE_REGISTRY_BIND", "::1,nowhere")],
        &[&["SERVICE_REGISTRY_BIND", "\"nowhere\"", "IP address"]],
    ),
    (&[], &[("SERVICE_REGISTRY_BIND", "127.0.0.1,")], &[&["SERVICE_REGISTRY_BIND", "\"\"", "IP address"]]),
    (
        &[],
        &[("SERVICE_REGISTRY_BACKEND", "sqlite")],
        &[&["SERVICE_REGISTRY_BACKEND", "\"sqlite\"", "memory or redis"]],
    ),
    (
        &[],
        &[("SERVICE_REGISTRY_BACKEND", "Memory")],
        &[&["SERVICE_REGISTRY_BACKEND", "\"Memory\"", "memory"]],
    ),
    (&[], &[("SERVICE_REGISTRY_MAX_BYTES", "0")], &[&["SERVICE_REGISTRY_MAX_BYTES", "\"0\"", "256MiB"]]),
    (
        &[],
        &[("SERVICE_REGISTRY_MAX_BYTES", "lots")],
        &[&["SERVICE_REGISTRY_MAX_BYTES", "\"lots\"", "256MiB"]],
    ),
    (
        &[],
        &[("SERVICE_REGISTRY_LOG", "loud")],
        &[&["SERVICE_REGISTRY_LOG", "\"loud\"", "error, warn, info, debug, trace", "off"]],
    ),
    (
        &[],
        &[("SERVICE_REGISTRY_LOG", "info\nforged")],
        &[&["SERVICE_REGISTRY_LOG", "\"info\\nforged\"", "off"]],
    ),
];

/// Faults that lie between two values, and several at once. The other port's default counts too.
pub(super) const WRONG_TOGETHER: [Faulty; 11] = [
    (&["--port", "7171", "--health-port", "7171"], &[], &[&["--port", "--health-port", "7171"]]),
    (&["--port", "8100"], &[("SERVICE_REGISTRY_HEALTH_PORT", "")], &[&["--port", "--health-port", "8100"]]),
    (&["--health-port", "7100"], &[("SERVICE_REGISTRY_PORT", "")], &[&["--port", "--health-port", "7100"]]),
    (
        &["--health-port", "7171"],
        &[("SERVICE_REGISTRY_PORT", "7171")],
        &[&["SERVICE_REGISTRY_PORT", "--health-port", "7171"]],
    ),
    // A port that is no number is not equal to another one.
    (&["--port", "abc", "--health-port", "7100"], &[], &[&["--port", "\"abc\"", PORTS]]),
    (&["--bind", "a", "--bind", "b"], &[], &[&["--bind", "\"a\""], &["--bind", "\"b\""]]),
    // An address is the same however it is written.
    (&["--bind", "::1", "--bind=0:0::1"], &[], &[&["--bind", " ::1 ", "2 times", "once"]]),
    (
        &[],
        &[("SERVICE_REGISTRY_BIND", "127.0.0.1,::1,127.0.0.1, 127.0.0.1")],
        &[&["SERVICE_REGISTRY_BIND", " 127.0.0.1 ", "3 times", "once"]],
    ),
    (
        &["--bind=127.0.0.1", "--bind=0.0.0.0", "--bind=::1"],
        &[],
        &[&["--bind", " 127.0.0.1 ", " 0.0.0.0,", "includes"]],
    ),
    (
        &[],
        &[("SERVICE_REGISTRY_BIND", "::,::1,127.0.0.1")],
        &[&["SERVICE_REGISTRY_BIND", " ::1 ", " ::,", "includes"]],
    ),
    (
        &[
            "--port",
            "x",
            "--bind=y",
            "--backend",
            "z",
            "--log-level=loud",
            "--frobnicate",
            "stray",
            "--max-bytes",
        ],
        &[("SERVICE_REGISTRY_HEALTH_PORT", "w"), ("SERVICE_REGISTRY_BIND", "ignored: the flag wins")],
        &[
            &["--port", "\"x\""],
            &["SERVICE_REGISTRY_HEALTH_PORT", "\"w\""],
            &["--bind", "\"y\""],
            &["--backend", "\"z\""],
            &["--log-level", "\"loud\""],
            &["\"--frobnicate\""],
            &["\"stray\""],
            &["--max-bytes", "needs a value"],
        ],
    ),
];

const REDIS: [&str; 2] = ["--backend", "redis"];
const REDIS_NEEDED: &str = "needs --backend redis";
const URL: &str = "redis://localhost:6379/0: ";
const PREFIX: &str = "1 to 200 bytes";
const TLS_NEEDED: &str = match cfg!(feature = "tls") {
    true => "is for TLS, so --redis-url (by default) must begin with rediss://",
    false => "must not be given: this build has no TLS (cargo feature tls)",
};

/// What is given for Redis. The value of a variable counts with either backend.
pub(super) const WRONG_FOR_REDIS: [Faulty; 33] = [
    (&["--redis-url", "redis://h"], &[], &[&["--redis-url", REDIS_NEEDED]]),
    (
        &["--redis-url=redis://h"],
        &[("SERVICE_REGISTRY_BACKEND", "memory")],
        &[&["--redis-url", REDIS_NEEDED]],
    ),
    (&["--redis-password-file", "none"], &[], &[&["--redis-password-file", REDIS_NEEDED]]),
    (&["--redis-ca", "system"], &[], &[&["--redis-ca", REDIS_NEEDED]]),
    (&["--redis-cert", "none"], &[], &[&["--redis-cert", REDIS_NEEDED]]),
    (&["--redis-key", "none"], &[], &[&["--redis-key", REDIS_NEEDED]]),
    (&["--redis-prefix", "x"], &[], &[&["--redis-prefix", REDIS_NEEDED]]),
    (&["--reads", "mirror"], &[], &[&["--reads", REDIS_NEEDED]]),
    (&["--redis-min-replicas", "0"], &[], &[&["--redis-min-replicas", REDIS_NEEDED]]),
    (&[REDIS[0], REDIS[1], "--redis-url", "localhost"], &[], &[&["--redis-url", URL, "rediss://"]]),
    (&[REDIS[0], REDIS[1], "--redis-url", ""], &[], &[&["--redis-url", URL, "rediss://"]]),
    (&[REDIS[0], REDIS[1], "--redis-url", "redis://h/x"], &[], &[&["--redis-url", URL, "0 to 65535"]]),
    (&[REDIS[0], REDIS[1], "--redis-url=redis://h?db=1"], &[], &[&["--redis-url", URL, "no options"]]),
    (&[REDIS[0], REDIS[1], "--redis-url=redis://h", "--redis-url=redis://i"], &[], &[&["2 times", "once"]]),
    (&[REDIS[0], REDIS[1], "--redis-prefix", ""], &[], &[&["--redis-prefix", "\"\"", PREFIX]]),
    (&[REDIS[0], REDIS[1], "--redis-prefix", "a\nb"], &[], &[&["--redis-prefix", "\"a\\nb\"", PREFIX]]),
    (&[REDIS[0], REDIS[1], "--reads", "Mirror"], &[], &[&["--reads", "\"Mirror\"", "mirror or redis"]]),
    (&[REDIS[0], REDIS[1], "--redis-min-replicas", "17"], &[], &[&["--redis-min-replicas", "\"17\"", "16"]]),
    (&[REDIS[0], REDIS[1], "--redis-min-replicas=-1"], &[], &[&["--redis-min-replicas", "\"-1\"", "16"]]),
    (&[REDIS[0], REDIS[1], "--redis-min-replicas"], &[], &[&["--redis-min-replicas", "needs a value"]]),
    (
        &[REDIS[0], REDIS[1], "--redis-password-file", "secret.txt"],
        &[],
        &[&["--redis-password-file", "absolute path"]],
    ),
    (&[REDIS[0], REDIS[1], "--redis-password-file="], &[], &[&["--redis-password-file", "absolute path"]]),
    (&[], &[("SERVICE_REGISTRY_REDIS_URL", "h")], &[&["SERVICE_REGISTRY_REDIS_URL", URL]]),
    (&[], &[("SERVICE_REGISTRY_REDIS_URL", " ")], &[&["SERVICE_REGISTRY_REDIS_URL", URL, "spaces"]]),
    // Elsewhere a variable that is set to nothing counts as unset. An empty prefix would be every key there is.
    (&[], &[("SERVICE_REGISTRY_REDIS_PREFIX", "")], &[&["SERVICE_REGISTRY_REDIS_PREFIX", "\"\"", PREFIX]]),
    (&REDIS, &[("SERVICE_REGISTRY_REDIS_PREFIX", "")], &[&["SERVICE_REGISTRY_REDIS_PREFIX", "\"\"", PREFIX]]),
    (
        &[],
        &[("SERVICE_REGISTRY_READS", "disk")],
        &[&["SERVICE_REGISTRY_READS", "\"disk\"", "mirror or redis"]],
    ),
    (
        &[],
        &[("SERVICE_REGISTRY_REDIS_MIN_REPLICAS", "one")],
        &[&["SERVICE_REGISTRY_REDIS_MIN_REPLICAS", "\"one\"", "16"]],
    ),
    (
        &[],
        &[("SERVICE_REGISTRY_REDIS_PASSWORD_FILE", "~/p")],
        &[&["SERVICE_REGISTRY_REDIS_PASSWORD_FILE", "absolute path"]],
    ),
    (
        &[REDIS[0], REDIS[1], "--redis-ca", "ca.pem", "--redis-cert", "cert.pem", "--redis-key", "key.pem"],
        &[],
        &[
            &["--redis-ca", "\"ca.pem\"", "system or an absolute path"],
            &["--redis-cert", "\"cert.pem\"", "none or an absolute path"],
            &["--redis-key", "none or an absolute path", "not shown"],
        ],
    ),
    (
        &REDIS,
        &[("SERVICE_REGISTRY_REDIS_CERT", "/c"), ("SERVICE_REGISTRY_REDIS_KEY", "/k")],
        &[&["SERVICE_REGISTRY_REDIS_CERT", TLS_NEEDED], &["SERVICE_REGISTRY_REDIS_KEY", TLS_NEEDED]],
    ),
    (
        &REDIS,
        &[("SERVICE_REGISTRY_REDIS_URL", "redis://:p@h"), ("SERVICE_REGISTRY_REDIS_PASSWORD_FILE", "/p")],
        &[&[
            "SERVICE_REGISTRY_REDIS_URL holds a password",
            "SERVICE_REGISTRY_REDIS_PASSWORD_FILE must be none",
        ]],
    ),
    (
        &REDIS,
        &[("SERVICE_REGISTRY_REDIS_URL", "redis://u@h")],
        &[&["SERVICE_REGISTRY_REDIS_URL names a user", "--redis-password-file"]],
    ),
];

/// Arguments and variables in which somebody has put the password `hunter2` where it is read, and where it isn't.
pub(super) const WITH_PASSWORDS: [Given; 13] = [
    (&["--redis-url", "redis://:hunter2@h:x"], &[]),
    (&["--redis-url", "hunter2"], &[]),
    (&["--redis-url=redis://:hunter2@h", "--redis-url=redis://h"], &[]),
    (&["--redis_url=redis://:hunter2@h"], &[]),
    (&["--backend", "redis://:hunter2@h"], &[]),
    (&["--bind", "redis://:hunter2@h"], &[]),
    (&["redis://:hunter2@h"], &[]),
    (&["--redis-password", "hunter2"], &[]),
    (&["--redis-password=hunter2"], &[]),
    (&["--redis-password-file", "hunter2"], &[]),
    (&[], &[("SERVICE_REGISTRY_REDIS_URL", "redis://:hunter2#@h")]),
    (&[], &[("SERVICE_REGISTRY_REDIS_URL", "redis+sentinel://h/m?sentinel_pasword=hunter2")]),
    (&["--port=x"], &[("SERVICE_REGISTRY_REDIS_URL", "redis://hunter2:hunter2@h")]),
];
