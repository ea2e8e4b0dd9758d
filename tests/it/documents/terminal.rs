//! A shell as a reader of a page has it, beside a live daemon: the page's own commands run in it, the ports that the page
//! names are that daemon's, and what changes from run to run is masked in what they print.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use crate::process::{self, DEADLINE};
use crate::python;
use crate::registry::Registry;

use super::pages::in_repository;

/// What curl shows on a terminal and hides in a pipe, the other way round; and no proxy.
const CURLRC: &str = "silent\nshow-error\nmax-time = 20\nnoproxy = *\n";

static CURL_HOME: LazyLock<PathBuf> = LazyLock::new(|| {
    let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("curl");
    fs::create_dir_all(&home).unwrap();
    fs::write(home.join(".curlrc"), CURLRC).unwrap();
    home
});

/// A shell beside a daemon.
pub(super) struct Terminal {
    pub(super) registry: Registry,
    /// The registry port and the health port that the page gives it.
    shown: [String; 2],
    last_code: i32,
}

/// What a command did.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Terminal {
    /// Beside the daemon whose ports on the page are the defaults.
    pub(super) fn beside(registry: Registry) -> Terminal {
        Terminal::beside_one_on(registry, ["7100", "8100"])
    }

    /// Beside a daemon that has these ports on the page.
    pub(super) fn beside_one_on(registry: Registry, shown: [&str; 2]) -> Terminal {
        Terminal { registry, shown: shown.map(str::to_owned), last_code: 0 }
    }

    /// Runs one command line. The daemon's ports are also what a second daemon would listen on.
    pub(super) fn run(&mut self, line: &str) -> Ran {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("(exit {}); {}", self.last_code, self.with_live_ports(line))]);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SERVICE_REGISTRY_") {
                shell.env_remove(name);
            }
        }
        shell
            .current_dir(in_repository(""))
            .env("PATH", path())
            .env("CURL_HOME", &*CURL_HOME)
            .env_remove("JOURNAL_STREAM")
            .env("SERVICE_REGISTRY_PORT", self.registry.port().to_string())
            .env("SERVICE_REGISTRY_HEALTH_PORT", self.registry.health_port().to_string());
        let output = process::run(&mut shell, b"", DEADLINE * 2);
        let code = output.status.code().unwrap_or_else(|| panic!("{line}: {}", output.status));
        self.last_code = code;
        let text = |bytes: Vec<u8>| self.as_on_the_page(&String::from_utf8(bytes).expect("UTF-8"));
        Ran { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The live daemon in place of the documented ports. By address: `localhost` may be another test's daemon.
    pub(super) fn with_live_ports(&self, text: &str) -> String {
        let [port, health_port] = self.shown.each_ref().map(|port| format!("localhost:{port}"));
        text.replace(&port, &format!("127.0.0.1:{}", self.registry.port()))
            .replace(&health_port, &format!("127.0.0.1:{}", self.registry.health_port()))
    }

    /// What was printed, with the documented ports in place of the live ones.
    pub(super) fn as_on_the_page(&self, text: &str) -> String {
        let registry_port = with_number(text, self.registry.port(), &self.shown[0]);
        with_number(&registry_port, self.registry.health_port(), &self.shown[1])
    }
}

/// The binary under test and the Python that has pyzmq come first.
fn path() -> String {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_service-registry"));
    let folders = [binary.parent().unwrap().to_owned(), python::interpreter().parent().unwrap().to_owned()];
    let rest = std::env::var("PATH").unwrap_or_default();
    format!("{}:{}:{rest}", folders[0].display(), folders[1].display())
}

/// `text` with another number in place of this one, where it is not a part of a longer one.
fn with_number(text: &str, number: u16, other: &str) -> String {
    let number = number.to_string();
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(&number) {
        let part =
            before.ends_with(|c: char| c.is_ascii_digit()) || after.starts_with(|c: char| c.is_ascii_digit());
        replaced += before;
        replaced += if part { &number } else { other };
        rest = after;
    }
    replaced + rest
}

/// Members of the health object that depend on what happened before, or at the same time.
const CHANGING: [&str; 3] = ["\"uptime_seconds\":", "\"open\":", "\"bad_requests\":"];

/// `text` without what changes from run to run: time stamps, and some numbers of the health object.
pub(super) fn masked(text: &str) -> String {
    const STAMP: &str = "0000-00-00T00:00:00.000Z";
    let mut bytes = text.as_bytes().to_vec();
    for at in 0..bytes.len().saturating_sub(STAMP.len() - 1) {
        let found = &mut bytes[at..at + STAMP.len()];
        let fits = |(byte, form): (&u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { *byte == form };
        if found.iter().zip(STAMP.bytes()).all(fits) {
            found.copy_from_slice(STAMP.as_bytes());
        }
    }
    let stamped = String::from_utf8(bytes).unwrap();
    CHANGING.iter().fold(stamped, |text, member| without_number_after(member, &text))
}

/// `text` with 0 for each number behind `before`.
pub(super) fn without_number_after(before: &str, text: &str) -> String {
    let mut parts = text.split(before);
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |masked, rest| {
        format!("{masked}{before}0{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()))
    })
}

#[test]
fn only_what_changes_from_run_to_run_is_masked() {
    let line = r#"2026-11-24T10:20:30.123Z {"uptime_seconds":42,"agents":3} 2026-11-24"#;
    assert_eq!(masked(line), r#"0000-00-00T00:00:00.000Z {"uptime_seconds":0,"agents":3} 2026-11-24"#);
    assert_eq!(
        with_number("localhost:43210 and 143210, 432100", 43210, "7100"),
        "localhost:7100 and 143210, 432100"
    );
}
