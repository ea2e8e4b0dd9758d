//! The one symbol on which the hand-off stands: libzmq calls `accept`, and must get the daemon's own. Read from the linked
//! binaries, by `readelf` of binutils; no daemon runs here.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, DEADLINE};

/// One line of a symbol table.
#[derive(Debug, PartialEq, Eq)]
struct Symbol {
    /// Without the version that follows an `@`.
    name: String,
    kind: String,
    defined: bool,
    size: u64,
}

/// The symbols of these exact names: those the dynamic linker sees, and, where the file is not stripped, all others.
fn named(file: &Path, names: &[&str]) -> Vec<Symbol> {
    let mut readelf = Command::new("readelf");
    readelf.args(["--wide", "--symbols"]).arg(file);
    let output = process::run(&mut readelf, b"", DEADLINE);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{readelf:?}: {}\n{stderr}", output.status);
    let table = String::from_utf8(output.stdout).expect("UTF-8 from readelf");
    assert!(table.contains("'.dynsym'"), "{readelf:?} shows no dynamic symbols:\n{table}");
    table.lines().filter_map(symbol).filter(|symbol| names.contains(&symbol.name.as_str())).collect()
}

/// `   Num:    Value          Size Type    Bind   Vis      Ndx Name`
fn symbol(line: &str) -> Option<Symbol> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let [number, _value, size, kind, _bind, _visibility, section, name, ..] = columns[..] else {
        return None;
    };
    number.strip_suffix(':')?.parse::<u32>().ok()?;
    Some(Symbol {
        name: name.split('@').next()?.to_owned(),
        kind: kind.to_owned(),
        defined: section != "UND",
        size: number_of(size)?,
    })
}

/// readelf prints large sizes in hexadecimal.
fn number_of(size: &str) -> Option<u64> {
    match size.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => size.parse().ok(),
    }
}

fn assert_defines_accept(binary: &Path) {
    let found = named(binary, &["accept", "accept4"]);
    let awaited = |name: &str| found.iter().any(|symbol| symbol.name == name && !symbol.defined);
    assert!(!awaited("accept"), "{binary:?} awaits `accept` from the system: {found:?}");
    let ours = |name: &str| {
        found
            .iter()
            .any(|symbol| symbol.name == name && symbol.defined && symbol.kind == "FUNC" && symbol.size > 0)
    };
    assert!(ours("accept"), "{binary:?} defines no function `accept`: {found:?}");
}

#[test]
fn the_binary_defines_accept_itself() {
    assert_defines_accept(Path::new(env!("CARGO_BIN_EXE_service-registry")));
}

#[test]
fn the_release_binary_defines_accept_itself() {
    let debug = Path::new(env!("CARGO_BIN_EXE_service-registry"));
    let target = debug.ancestors().nth(2).expect("target/profile/binary");
    let release: PathBuf = target.join("release/service-registry");
    assert!(release.exists(), "no {}: type `cargo build --release`", release.display());
    assert_defines_accept(&release);
}

#[test]
fn a_binary_without_the_hand_off_awaits_accept_from_the_system() {
    // This very test binary links the same libzmq: what the two tests above look for does exist and can be missing.
    let this = std::env::current_exe().expect("this binary");
    let found = named(&this, &["accept"]);
    assert!(found.iter().any(|symbol| !symbol.defined), "{found:?}");
}
