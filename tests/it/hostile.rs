//! Hostile bytes: a table of what scanners, strangers and attackers send to an open port, on both ports and with every way
//! to end a connection, and every prefix of what is valid. What comes back is exact, nobody else notices, nothing is
//! kept, and nothing is worth a warning.

mod bodies;
mod entry;
mod frames;
mod greed;
mod greetings;
mod heads;
mod prefixes;
mod strangers;
mod target;
mod visit;
mod wire;

use std::collections::BTreeSet;

use entry::{Due, Entry};
use target::Target;
use visit::ENDINGS;

/// Rows by hand, without those that are one for each number.
fn table() -> Vec<Entry> {
    [strangers::rows(), heads::rows(), bodies::rows(), greetings::rows(), frames::rows()]
        .into_iter()
        .flatten()
        .collect()
}

/// Sends these rows to a daemon of their own, and looks at it after each way to end.
fn send(what: &str, rows: &[Entry]) {
    let mut target = Target::start();
    for ending in ENDINGS {
        let added = visit::all(&target, rows, ending);
        target.assert_at_rest(&format!("{what}, {ending:?}"), &added);
    }
    let finished = target.registry.terminate();
    assert!(finished.status.success(), "{finished}");
}

#[test]
fn the_table_is_long_and_says_nothing_twice() {
    let table = table();
    assert!(table.len() >= 110, "{} rows", table.len());
    let names: BTreeSet<&str> = table.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), table.len(), "a name is there twice");
    let sent: BTreeSet<(Option<String>, &[u8])> =
        table.iter().map(|row| (row.after.map(|version| format!("{version:?}")), &row.bytes[..])).collect();
    assert_eq!(sent.len(), table.len(), "the same bytes are there twice");
}

#[test]
fn first_words_of_other_protocols() {
    send("other protocols", &strangers::rows());
}

#[test]
fn http_heads_that_are_meant_to_harm() {
    send("HTTP heads", &heads::rows());
}

#[test]
fn http_bodies_that_are_too_much_or_too_little_or_no_text() {
    send("HTTP bodies", &bodies::rows());
}

#[test]
fn zmtp_handshakes_that_are_odd_or_wrong() {
    send("ZMTP handshakes", &greetings::rows());
}

#[test]
fn zmtp_of_every_version_and_socket_type() {
    let rows: Vec<Entry> = greetings::versions().into_iter().chain(greetings::socket_types()).collect();
    send("ZMTP versions", &rows);
}

#[test]
fn zmtp_frames_that_lie_and_commands_of_others() {
    send("ZMTP frames", &frames::rows());
}

#[test]
fn what_begins_and_never_goes_on_is_closed_by_its_deadline() {
    let begun = |row: &Entry| row.after.is_none() && matches!(row.due, Due::Unfinished | Due::Unmet);
    let rows: Vec<Entry> = table().into_iter().filter(begun).collect();
    assert!(rows.len() > 30, "{} rows", rows.len());
    let mut target = Target::start();
    let added = visit::outstay(&target, &rows);
    target.assert_at_rest("those who outstayed", &added);
}
