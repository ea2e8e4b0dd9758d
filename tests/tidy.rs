//! The house rules, held against the source as text: who imports whom (the table in docs/architecture.md), where `unsafe`
//! may stand, how long a file and a function may be, and that each file says what it is for. Knows nothing of what the
//! code does. Each rule is tried on a piece of code that breaks it, so that a rule that can't fail is seen.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file, its tests not counted.
const MAX_FILE: usize = 350;
/// Lines of a function.
const MAX_FUNCTION: usize = 50;
/// Names that say nothing.
const VAGUE: [&str; 4] = ["utils", "common", "helpers", "manager"];

/// docs/architecture.md, as far as a program can hold anybody to it.
struct House {
    /// Each room, and the rooms it may import.
    rooms: BTreeMap<String, BTreeSet<String>>,
    /// The files that may hold `unsafe`.
    unsafe_files: BTreeSet<String>,
}

impl House {
    fn read(architecture: &str) -> House {
        let (_, chapter) = architecture.split_once("## Who may know whom").expect("the chapter");
        let chapter = chapter.split("\n## ").next().expect("a chapter");
        let quoted = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        let rows = chapter.lines().filter(|line| line.starts_with("| `"));
        let rooms = rows.map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            (quoted(cells[1]).remove(0), quoted(cells[2]).into_iter().collect())
        });
        let files = chapter.lines().filter(|line| line.starts_with("- `src/"));
        House { rooms: rooms.collect(), unsafe_files: files.flat_map(quoted).collect() }
    }

    /// The room that a path of module names leads to: the deepest that the table knows.
    fn room<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let names: Vec<&str> = path.into_iter().take(2).collect();
        (1..=names.len())
            .rev()
            .map(|depth| names[..depth].join("::"))
            .find(|room| self.rooms.contains_key(room))
    }

    fn room_of_file(&self, file: &str) -> Option<String> {
        let path = file.strip_prefix("src/")?.strip_suffix(".rs")?;
        self.room(path.trim_end_matches("/mod").split('/'))
    }

    fn broken_rules(&self, file: &str, text: &str) -> Vec<String> {
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().expect("a first part");
        let mut broken = Vec::new();
        if !text.starts_with("//! ") {
            broken.push("does not open with a //! paragraph".to_owned());
        }
        if VAGUE.iter().any(|name| file.contains(name)) {
            broken.push("has a name that says nothing".to_owned());
        }
        let lines = code.lines().count();
        if lines > MAX_FILE {
            broken.push(format!("has {lines} lines; at most {MAX_FILE}"));
        }
        broken.extend(long_functions(code));
        let speaks_of_unsafe = code.lines().any(|line| {
            let statement = line.split("//").next().expect("a first part");
            statement.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe")
        });
        if speaks_of_unsafe && file.starts_with("src/") && !self.unsafe_files.contains(file) {
            broken.push("holds unsafe code".to_owned());
        }
        if file.starts_with("src/") && !["src/main.rs", "src/lib.rs"].contains(&file) {
            broken.extend(self.forbidden_imports(file, code));
        }
        broken.into_iter().map(|rule| format!("{file} {rule}")).collect()
    }

    fn forbidden_imports(&self, file: &str, code: &str) -> Vec<String> {
        let Some(room) = self.room_of_file(file) else { return vec!["belongs to no room".to_owned()] };
        let allowed = &self.rooms[&room];
        let parent = room.split_once("::").map(|(parent, _)| parent);
        let mut broken = Vec::new();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for path in paths(line, parent) {
                match self.room(path.split("::")) {
                    Some(other) if other == room || allowed.contains(&other) => {}
                    Some(other) => broken.push(format!("({room}) imports {other}")),
                    None => broken.push(format!("({room}) imports {path}, which is no room by itself")),
                }
            }
        }
        broken
    }
}

/// The paths in a line that lead to other rooms, without their `crate::`. `super::` leads there only from a room
/// below another, whose name is `parent`.
fn paths(line: &str, parent: Option<&str>) -> Vec<String> {
    let path = |rest: &str| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
        rest[..end].trim_end_matches("::").to_owned()
    };
    let from_crate = line.split("crate::").skip(1).map(path);
    let from_super = parent.into_iter().flat_map(|parent| {
        line.split("super::").skip(1).map(move |rest| format!("{parent}::{}", path(rest)))
    });
    from_crate.chain(from_super).collect()
}

/// rustfmt ends a function with a brace at the indent that it starts with.
fn long_functions(code: &str) -> Vec<String> {
    let lines: Vec<&str> = code.lines().collect();
    let is_start = |line: &str| {
        let words = line.trim_start().trim_start_matches("pub(super) ").trim_start_matches("pub ");
        words.starts_with("fn ") || words.starts_with("unsafe extern \"C\" fn ")
    };
    let mut long = Vec::new();
    for (start, line) in lines.iter().enumerate().filter(|(_, line)| is_start(line)) {
        let indent = line.len() - line.trim_start().len();
        let end = format!("{}}}", " ".repeat(indent));
        let length = lines[start..].iter().position(|line| **line == end).map_or(1, |length| length + 1);
        if length > MAX_FUNCTION {
            long.push(format!("has a function of {length} lines, at most {MAX_FUNCTION}: {}", line.trim()));
        }
    }
    long
}

fn house() -> House {
    House::read(&fs::read_to_string("docs/architecture.md").expect("docs/architecture.md"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn the_house_is_tidy() {
    let house = house();
    // Not all of fuzz/: it has a target folder, in which build scripts write code.
    let folders = ["src", "tests", "benches", "fuzz/src", "fuzz/fuzz_targets", "fuzz/tests"];
    let files: Vec<PathBuf> = folders.iter().flat_map(|folder| rust_files(Path::new(folder))).collect();
    assert!(files.len() > 30, "only {} files were found", files.len());
    let broken: Vec<String> = files
        .iter()
        .flat_map(|file| {
            house.broken_rules(&file.to_string_lossy(), &fs::read_to_string(file).expect("a file"))
        })
        .collect();
    assert!(broken.is_empty(), "docs/architecture.md says otherwise:\n{}", broken.join("\n"));
}

#[test]
fn the_table_names_the_rooms_there_are() {
    let house = house();
    let rooms: BTreeSet<String> = rust_files(Path::new("src"))
        .iter()
        .filter_map(|file| house.room_of_file(&file.to_string_lossy()))
        .collect();
    assert_eq!(rooms, house.rooms.keys().cloned().collect());
    for file in &house.unsafe_files {
        assert!(fs::read_to_string(file).expect(file).contains("unsafe"), "{file} needs no leave for unsafe");
    }
}

#[test]
fn a_broken_rule_is_found() {
    let house = House::read(
        "## Who may know whom\n| `door` | `stop`, `wire` | x |\n| `wire` | – | x |\n| `wire::parse` | `wire` | x |\n\
         | `stop` | – | x |\n| `store` | – | x |\n\n- `src/door/c.rs`\n\n## Next\n| `other` | – | x |\n",
    );
    let long = format!("//! x\nfn f() {{\n{}}}\n", "    x();\n".repeat(MAX_FUNCTION));
    for (file, code, expected) in [
        ("src/door/a.rs", "//! x\nuse crate::stop::Stop;\nuse crate::wire::{A, B};\nuse super::b;\n", None),
        ("src/door/a.rs", "//! x\nuse crate::store::Store;\n", Some("imports store")),
        ("src/door/a.rs", "//! x\nfn f() -> crate::wire::parse::P {}\n", Some("imports wire::parse")),
        ("src/door/a.rs", "//! x\nuse crate::{stop, store};\n", Some("no room by itself")),
        ("src/wire/parse.rs", "//! x\nuse super::MAX;\n", None),
        ("src/wire/mod.rs", "//! x\nuse crate::wire::parse::P;\n", Some("imports wire::parse")),
        ("src/attic.rs", "//! x\n", Some("no room")),
        ("src/door/a.rs", "use std::fs;\n", Some("//! paragraph")),
        ("src/door/a.rs", "//! x\nunsafe { f() }\n", Some("holds unsafe")),
        ("src/door/a.rs", "//! x\n// unsafe is not needed\n#![deny(unsafe_code)]\n", None),
        ("src/door/c.rs", "//! x\nunsafe { f() }\n", None),
        ("src/door/utils.rs", "//! x\n", Some("says nothing")),
        ("src/door/a.rs", &format!("//! x\n{}", "\n".repeat(MAX_FILE)), Some("lines; at most")),
        ("src/door/a.rs", &format!("//! x\n\n#[cfg(test)]\nmod tests {{{}", "\n".repeat(MAX_FILE)), None),
        ("tests/it/a.rs", &long, Some("function of 52 lines")),
    ] {
        let broken = house.broken_rules(file, code);
        match expected {
            None => assert!(broken.is_empty(), "{file}\n{code}\n{broken:?}"),
            Some(rule) => {
                assert!(broken.iter().any(|said| said.contains(rule)), "{file}\n{code}\n{broken:?}")
            }
        }
    }
}
