//! Wrong flags and variables as a table: what is given, and what must be said of it. Holds no code.

/// A faulty start: arguments, variables, and for each line on standard error the words it must have.
pub(super) type Faulty<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a [&'a str]]);

const PORTS: &str = "65535";

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
    (&["--backend", "redis"], &[], &[&["--backend", "\"redis\"", "memory", "later"]]),
    (&["--backend", "sqlite"], &[], &[&["--backend", "\"sqlite\"", "memory"]]),
    (&["--backend="], &[], &[&["--backend", "\"\"", "memory"]]),
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
        &[("SERVICE_REGISTRY_BACKEND", "redis")],
        &[&["SERVICE_REGISTRY_BACKEND", "\"redis\"", "memory", "later"]],
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
pub(super) const WRONG_TOGETHER: [Faulty; 7] = [
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
