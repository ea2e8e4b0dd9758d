//! A reader goes through a page from its top to its end beside one live daemon, types every command and runs every
//! example, and gets what the page shows.
//!
//! | info string | what it is |
//! |---|---|
//! | `sh` | commands, which succeed |
//! | `console` | commands after `$ `, and what each prints |
//! | `json request` (or `text request`, where it is no JSON), then `json reply` | what is sent, and what comes back, over each transport |
//! | `python`, then `text` | a program, and what it prints |
//! | `console start`, `console full`, `text full`, `text log` | a daemon at another time of its life: `lines` has those |
//! | `sh redis`, `console redis` and others with that word | instances behind a Redis: `behind_redis` has those |
//! | `text redis.conf`, `text users.acl`, `text sentinel.conf` | what Redis is configured by: `promises` has those |

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::agent::Agent;
use crate::conversation::ask_curl;
use crate::python;
use crate::registry::{Registry, Start};

use super::markup::{Block, Page};
use super::pages;
use super::terminal::{Ran, Terminal, masked};

/// Programs whose commands are for people: they build, install or stop something, or reach outside.
const NOT_RUN: [&str; 6] = ["make", "cargo", "git", "cd", "sudo", "pip"];

/// Blocks that are there for Redis to read.
const OF_REDIS: [&str; 3] = ["text redis.conf", "text users.acl", "text sentinel.conf"];

/// How often what was tried on a page.
type Tried = BTreeMap<&'static str, usize>;

#[test]
fn the_readme_does_what_it_shows() {
    let tried = go_through(&pages::read("README.md"), ask_curl);
    assert!(tried["curl"] >= 5 && tried["service-registry"] >= 1 && tried["python"] == 1, "{tried:?}");
}

#[test]
fn the_protocol_is_as_it_is_written_over_zmq() {
    let tried =
        go_through(&pages::read("docs/protocol.md"), |port, request| Agent::connect(port).ask(request));
    assert!(tried["request"] >= 10 && tried["curl"] >= 5, "{tried:?}");
}

#[test]
fn the_protocol_is_as_it_is_written_over_http() {
    let tried = go_through(&pages::read("docs/protocol.md"), ask_curl);
    assert!(tried["request"] >= 10 && tried["curl"] >= 5, "{tried:?}");
}

#[test]
fn the_commands_for_operators_do_what_they_show() {
    let tried = go_through(&pages::read("docs/operations.md"), ask_curl);
    assert!(tried["curl"] >= 2 && tried["service-registry"] >= 5, "{tried:?}");
}

#[test]
fn the_commands_of_every_other_page_work() {
    let done = ["README.md", "docs/protocol.md", "docs/operations.md"];
    for page in pages::all().iter().filter(|page| !done.contains(&page.path.as_str())) {
        go_through(page, ask_curl);
    }
}

#[test]
fn the_commands_that_help_and_the_log_show_work() {
    let help = Start::bare().arg("--help").run_to_end();
    let shown: Vec<&str> =
        help.stdout.lines().map(str::trim).filter(|line| line.starts_with("curl ")).collect();
    assert!(shown.len() >= 2, "{help}");
    let mut terminal = Terminal::beside(Registry::start());
    shown.iter().for_each(|command| succeed(&mut terminal, command, "--help"));
    let line = terminal.registry.wait_for_log(|line| line.contains("try: "));
    let command = line.split_once("try: ").unwrap().1.to_owned();
    let command = terminal.as_on_the_page(&command);
    succeed(&mut terminal, &command, "the log");
}

fn go_through(page: &Page, ask: fn(u16, &[u8]) -> Vec<u8>) -> Tried {
    let mut reader = Reader { terminal: Terminal::beside(Registry::start()), ask, tried: Tried::new() };
    let blocks = page.blocks();
    let mut rest = blocks.iter();
    while let Some(block) = rest.next() {
        match block.info.as_str() {
            "sh" => reader.types(block),
            "sh tls" if cfg!(feature = "tls") => reader.types(block),
            "sh tls" => {}
            "console" => reader.types_and_reads(block),
            "json request" | "text request" => {
                reader.sends(block, followed(block, rest.next(), "json reply"))
            }
            "python" => reader.runs(block, followed(block, rest.next(), "text")),
            // Tests in `lines` want them.
            "console start" | "console full" | "text full" | "text log" | "text refused" | "text few"
            | "console few" => {}
            // Tests in `state` do.
            "json state" | "text damaged" | "text disk full" | "text in use" => {}
            // Tests in `behind_redis` and in `promises` do.
            info if is_about_redis(info) || OF_REDIS.contains(&info) => {}
            // Drawings and excerpts.
            "" | "text" | "rust" | "toml" => holds_no_command(block),
            other => panic!("{}: nobody checks a block of \"{other}\"", block.place),
        }
    }
    reader.tried
}

/// Whether a block's info string says that a Redis belongs to it.
pub(super) fn is_about_redis(info: &str) -> bool {
    info.split(' ').any(|word| word == "redis")
}

fn followed<'a>(block: &Block, next: Option<&'a Block>, info: &str) -> &'a Block {
    let next = next.filter(|next| next.info == info);
    next.unwrap_or_else(|| panic!("{}: no block of \"{info}\" follows", block.place))
}

/// Or nobody would try it.
fn holds_no_command(block: &Block) {
    let command = block.text.lines().find(|line| line.starts_with("curl ") || line.starts_with("$ "));
    assert_eq!(command, None, "{}: a block without \"sh\" or \"console\"", block.place);
}

struct Reader {
    terminal: Terminal,
    ask: fn(u16, &[u8]) -> Vec<u8>,
    tried: Tried,
}

impl Reader {
    fn types(&mut self, block: &Block) {
        for command in commands(block) {
            if let Some(program) = program(&command, &block.place) {
                self.tries(program);
                succeed(&mut self.terminal, &command, &block.place);
            }
        }
    }

    fn types_and_reads(&mut self, block: &Block) {
        for (command, output) in session(block) {
            let program = program(&command, &block.place);
            self.tries(program.unwrap_or_else(|| panic!("{}: nobody checks its output", block.place)));
            print_as_shown(&mut self.terminal, &command, &output, &block.place);
        }
    }

    fn sends(&mut self, request: &Block, reply: &Block) {
        self.tries("request");
        let got = (self.ask)(self.terminal.registry.port(), request.text.trim_end().as_bytes());
        let got = String::from_utf8(got).expect("a reply of UTF-8");
        assert_eq!(masked(&got), masked(&compact(&reply.text)), "{}", reply.place);
    }

    fn runs(&mut self, program: &Block, output: &Block) {
        self.tries("python");
        let text = self.terminal.with_live_ports(&program.text);
        let got = python::run_file(Path::new("-"), &[], text);
        assert_eq!(masked(&got), masked(&output.text), "{}", output.place);
    }

    fn tries(&mut self, what: &'static str) {
        *self.tried.entry(what).or_default() += 1;
    }
}

/// The command lines of a block of `sh`.
fn commands(block: &Block) -> Vec<String> {
    let whole = block.text.replace("\\\n", " ");
    whole.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// The commands of a block of `console`, each with what it prints.
pub(super) fn session(block: &Block) -> Vec<(String, String)> {
    let mut session: Vec<(String, String)> = Vec::new();
    for line in block.text.lines() {
        match (line.strip_prefix("$ "), session.last_mut()) {
            (Some(command), _) => session.push((command.to_owned(), String::new())),
            (None, Some((_, output))) => output.push_str(&format!("{line}\n")),
            (None, None) => panic!("{}: it does not begin with a command", block.place),
        }
    }
    session
}

/// The program that a command runs; `None` where it isn't for us to run.
fn program(command: &str, place: &str) -> Option<&'static str> {
    let words = command.split_whitespace().skip_while(|word| word.starts_with("SERVICE_REGISTRY_"));
    match words.collect::<Vec<_>>()[..] {
        ["curl", ..] => Some("curl"),
        ["service-registry", ..] => Some("service-registry"),
        ["echo", "$?"] => Some("echo"),
        ["python3", "examples/agent.py", ..] => Some("examples/agent.py"),
        [word, ..] if NOT_RUN.contains(&word) => None,
        _ => panic!("{place}: nobody checks {command:?}"),
    }
}

/// A command without its output on the page: it ends with 0, and what it prints is no error.
fn succeed(terminal: &mut Terminal, command: &str, place: &str) {
    let runs_on = program(command, place) == Some("service-registry");
    let check = if runs_on { format!("{command} --check-config") } else { command.to_owned() };
    let ran = run(terminal, &check, place);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{place}: {check}\n{ran:?}");
    let status = serde_json::from_str::<Value>(&ran.stdout).map(|reply| reply["status"].clone());
    assert!(status.is_ok_and(|status| status != "error") || runs_on, "{place}: {check}\n{ran:?}");
}

/// A command with its output on the page.
pub(super) fn print_as_shown(terminal: &mut Terminal, command: &str, output: &str, place: &str) {
    let ran = run(terminal, command, place);
    let printed = masked(&format!("{}{}", ran.stdout, ran.stderr));
    assert_eq!(printed.trim_end(), masked(output).trim_end(), "{place}: {command}\n{ran:?}");
    let is_curl = program(command, place) == Some("curl");
    assert!(!is_curl || ran.code == 0, "{place}: {command}\n{ran:?}");
}

fn run(terminal: &mut Terminal, command: &str, place: &str) -> Ran {
    let reaches_us = terminal.with_live_ports(command) != command;
    assert!(
        program(command, place) != Some("curl") || reaches_us,
        "{place}: which port is meant by {command:?}?"
    );
    terminal.run(command)
}

/// JSON as the daemon writes it: pages have it in lines that fit a screen.
fn compact(json: &str) -> String {
    let mut compact = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for c in json.chars().filter(|c| *c != '\n') {
        if c != ' ' || quoted {
            compact.push(c);
        }
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
    }
    compact
}

#[test]
fn replies_are_compared_byte_for_byte_but_for_the_layout() {
    assert_eq!(compact("{\"a b\": \"\\\" c\",\n \"d\": 1}\n"), r#"{"a b":"\" c","d":1}"#);
}
