//! What a start makes of a state file that isn't whole: a torn tail is cut off and told, anything else stops the start and
//! stays as it was.

use crate::agent::Agent;
use crate::registry::Finished;

use super::folder::{HEADER, State, list, register};

/// A file with two agents, and one that is gone.
fn whole() -> String {
    let line = |name: &str, rest: &str| format!("{{\"agent_id\":\"{name}\",{rest}}}\n");
    let record =
        "\"host\":\"h\",\"port\":1,\"metadata\":{\"é\":1},\"last_registered\":\"2025-07-03T12:34:56.789Z\"";
    let lines = [line("a", record), line("b", record), line("b", "\"deregistered\":true"), line("c", record)];
    HEADER.to_owned() + &lines.concat()
}

#[test]
fn a_torn_tail_is_cut_off_and_told() {
    let whole = whole();
    let nuls = [whole.as_bytes(), &[0; 5000]].concat();
    let half_and_nuls = [whole.as_bytes(), b"{\"agent_id\":\"d\",\"ho", &[0; 4096]].concat();
    let half = whole.clone() + "{\"agent_id\":\"d\",\"host\":\"h\",\"port\":1}";
    let many_nuls = [whole.as_bytes(), &vec![0; 9 << 20]].concat();
    for (bytes, torn) in [
        (nuls, "5,000 bytes"),
        (half_and_nuls, "4,115 bytes"),
        (half.into_bytes(), "36 bytes"),
        (many_nuls, "9,437,184 bytes"),
        ([whole.as_bytes(), b"{"].concat(), "1 byte"),
    ] {
        let state = State::holding(bytes);
        let registry = state.start();
        registry.wait_for_log(|line| {
            line.contains("WARN")
                && line.contains(&format!("ended in {torn} of a line that was never finished"))
        });
        let agent = Agent::connect(registry.port());
        assert_eq!((list(&agent), state.text()), (serde_json::json!(["a", "c"]), whole.clone()), "{torn}");
        register(&agent, "d", 1);
        registry.terminate();
        let registry = state.start();
        assert_eq!(list(&Agent::connect(registry.port())), serde_json::json!(["a", "c", "d"]));
    }
}

/// A start that is refused, changes nothing, and says this in one line.
fn is_refused(bytes: impl AsRef<[u8]>, words: &[&str]) -> Finished {
    let state = State::holding(bytes.as_ref());
    let finished = state.refused();
    assert_eq!(finished.status.code(), Some(2), "{finished}");
    assert_eq!(state.bytes(), bytes.as_ref(), "{finished}");
    let line = finished.stderr.lines().last().unwrap();
    assert!(
        line.starts_with(&format!("service-registry: the state file {} ", state.path().display())),
        "{finished}"
    );
    for word in words {
        assert!(line.contains(word), "{word}: {finished}");
    }
    finished
}

#[test]
fn damage_stops_the_start_and_is_told_by_its_line() {
    let whole = whole();
    let lines: Vec<&str> = whole.lines().collect();
    for wrong in [
        "{\"agent_id\":\"x\",\"host\":\"h\"}",
        "{\"agent_id\":\"x\",\"host\":\"h\",\"port\":0}",
        "{\"agent_id\":\"\",\"host\":\"h\",\"port\":1}",
        "{\"host\":\"h\",\"port\":1}",
        "{\"agent_id\":\"x\",\"deregistered\":1}",
        "{\"agent_id\":\"x\",\"agent_id\":\"y\",\"deregistered\":true}",
        "[]",
        "",
        "\0\0\0",
        "{\"agent_id\":\"x\",\"host\":\"h\",\"port\":1",
        "garbage \u{1}",
    ] {
        let bytes = [&lines[..2].join("\n"), "\n", wrong, "\n", &lines[2..].join("\n"), "\n"].concat();
        is_refused(bytes, &["is damaged at line 3: ", "Nothing was changed", "sed -i 3d", "back-up"]);
    }
    let not_utf8 = [lines[0].as_bytes(), b"\n\xff\n", lines[1].as_bytes(), b"\n"].concat();
    is_refused(not_utf8, &["is damaged at line 2: the line is not UTF-8"]);
    let too_long = format!("{whole}{{\"agent_id\":\"{}\"}}\n", "x".repeat(4 << 20));
    is_refused(too_long, &["is damaged at line 6: it is longer than 4194304 bytes"]);
}

#[test]
fn a_file_of_a_later_version_or_of_somebody_else_is_left_alone() {
    let later = whole().replacen("\"version\":1", "\"version\":2", 1);
    is_refused(
        later,
        &["can't be read: it is of the format's version 2, and this service-registry reads version 1"],
    );
    for other in ["hello", "hello\n", "{\"agent_id\":\"a\",\"host\":\"h\",\"port\":1}\n", "\0x"] {
        is_refused(
            other,
            &["can't be read: it is not the state file of a service-registry", "Nothing was changed"],
        );
    }
}

/// A kill right after the file was made leaves some of its first line.
#[test]
fn a_file_that_was_only_begun_is_begun_again() {
    for length in [0, 1, HEADER.len() / 2, HEADER.len() - 1] {
        let state = State::holding(&HEADER[..length]);
        let registry = state.start();
        assert_eq!(list(&Agent::connect(registry.port())), serde_json::json!([]));
        assert_eq!(state.text(), HEADER);
    }
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let mut state = State::new();
    let path = state.folder.path().join("missing/state");
    state.folder.write("unused", "");
    let finished = crate::registry::Start::new().arg("--state-file").arg(&path).run_to_end();
    assert_eq!(finished.status.code(), Some(1), "{finished}");
    let line = format!(
        "service-registry: the state file {} could not be opened: No such file or directory (os error 2)",
        path.display()
    );
    assert_eq!(finished.stderr.lines().last(), Some(line.as_str()), "{finished}");
    state = State::new();
    drop(state.start());
}

#[test]
fn what_is_no_file_is_left_alone() {
    let state = State::new();
    std::fs::create_dir(state.path()).unwrap();
    let finished = state.refused();
    let line = format!(
        "service-registry: the state file {} is no file; it must be a plain one, or none yet",
        state.path().display()
    );
    assert_eq!(
        (finished.status.code(), finished.stderr.lines().last()),
        (Some(2), Some(line.as_str())),
        "{finished}"
    );
    let there: Vec<_> = std::fs::read_dir(state.folder.path()).unwrap().collect();
    assert_eq!(there.len(), 1, "{there:?}");
}
