//! The patches that libzmq is built with, and what docs/libzmq.md says of them: each has a whole head, stands in the series and
//! on the page, and a test from outside; what nobody upstream was told of is shown on a libzmq without patches.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::pages::{self, in_repository};
use crate::python;

const PATCHES: &str = "build/libzmq/patches";
const PROGRAMS: &str = "tests/libzmq";
const FOLDERS: [&str; 4] = ["fix", "limit", "hook", "performance"];

/// A patch's name without its ending, and the fields of its head.
struct Patch {
    name: String,
    head: Vec<(String, String)>,
}

impl Patch {
    fn read(name: &str) -> Patch {
        let text = read(&format!("{PATCHES}/{name}"));
        let mut head: Vec<(String, String)> = Vec::new();
        for line in text.lines().take_while(|line| !line.is_empty()) {
            match (line.strip_prefix(' '), head.last_mut()) {
                (Some(more), Some((_, value))) => *value += &format!("\n{more}"),
                _ => {
                    let (field, value) = line.split_once(": ").unwrap_or_else(|| panic!("{name}: {line}"));
                    head.push((field.to_owned(), value.to_owned()));
                }
            }
        }
        Patch { name: name.strip_suffix(".patch").expect("a .patch").to_owned(), head }
    }

    fn find(&self, field: &str) -> Option<&str> {
        self.head.iter().find(|(name, _)| name == field).map(|(_, value)| value.as_str())
    }

    fn field(&self, field: &str) -> &str {
        self.find(field).unwrap_or_else(|| panic!("{} has no field {field}", self.name))
    }

    fn folder(&self) -> &str {
        self.name.split('/').next().expect("a folder")
    }

    /// The first line of the description.
    fn what(&self) -> &str {
        self.field("Description").lines().next().expect("a line")
    }

    /// A defect that nobody upstream was told of.
    fn is_unreported(&self) -> bool {
        matches!(self.folder(), "fix" | "limit")
            && self.field("Forwarded") == "no"
            && self.field("Upstream").starts_with("none found")
    }

    fn row(&self) -> String {
        let one_line = |text: &str| text.replace('\n', " ");
        let shown = match self.find("Measured") {
            Some(measured) => format!("{}; {}", code(self.field("Test")), one_line(measured)),
            None => code(self.field("Test")),
        };
        format!("| `{}` | {} | {} | {shown} |", self.name, self.what(), one_line(self.field("Upstream")))
    }
}

/// A test's name as the page has it; a reason why there is none as it is.
fn code(test: &str) -> String {
    if test.starts_with("none: ") { test.to_owned() } else { format!("`{test}`") }
}

fn read(path: &str) -> String {
    fs::read_to_string(in_repository(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn series() -> Vec<Patch> {
    let series = read(&format!("{PATCHES}/series"));
    series.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(Patch::read).collect()
}

/// The names of the files in a folder of the repository that have this ending.
fn files(folder: &str, ending: &str) -> BTreeSet<String> {
    let folder = in_repository(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    names.filter(|name| name.ends_with(ending)).collect()
}

#[test]
fn the_series_names_every_patch_folder_by_folder() {
    let named: Vec<String> = series().into_iter().map(|patch| format!("{}.patch", patch.name)).collect();
    let there: BTreeSet<String> = FOLDERS
        .into_iter()
        .flat_map(|folder| {
            files(&format!("{PATCHES}/{folder}"), "").into_iter().map(move |name| format!("{folder}/{name}"))
        })
        .collect();
    assert_eq!(named.iter().cloned().collect::<BTreeSet<_>>(), there);
    let place = |name: &String| FOLDERS.iter().position(|folder| name.starts_with(&format!("{folder}/")));
    assert!(named.is_sorted_by_key(place), "{named:?}");
}

#[test]
fn every_patch_says_what_it_is_of_whom_and_what_shows_it() {
    for patch in series() {
        let name = &patch.name;
        let origin = patch.field("Origin");
        assert!(origin == "vendor" || origin.starts_with("upstream, https://"), "{name}: {origin}");
        assert!(matches!(patch.field("Forwarded"), "no" | "not-needed"), "{name}");
        assert!(!patch.field("Upstream").is_empty(), "{name}");
        if let Some(bug) = patch.find("Bug") {
            assert!(bug.starts_with("https://github.com/zeromq/libzmq/issues/"), "{name}: {bug}");
        }
        let date: Vec<&str> = patch.field("Last-Update").split('-').collect();
        assert!(date.len() == 3 && date.iter().all(|part| part.parse::<u16>().is_ok()), "{name}: {date:?}");
        let measured = patch.find("Measured");
        assert_eq!(measured.is_some(), patch.folder() == "performance", "{name}");
        assert!(
            measured.is_none_or(|figure| figure.contains(|c: char| c.is_ascii_digit())),
            "{name}: no figure"
        );
        assert_test_exists(name, patch.field("Test"));
    }
}

/// `a::b::test` is a function of tests/it/a/b.rs.
fn assert_test_exists(patch: &str, test: &str) {
    if test.starts_with("none: ") {
        return;
    }
    let (module, function) = test.rsplit_once("::").unwrap_or_else(|| panic!("{patch}: {test}"));
    let file = format!("tests/it/{}.rs", module.replace("::", "/"));
    let declared = format!("#[test]\nfn {function}() {{");
    assert!(read(&file).contains(&declared), "{patch}: {file} has no test {function}");
}

#[test]
fn the_page_has_the_table_of_the_heads() {
    let rows: Vec<String> = series().iter().map(Patch::row).collect();
    let table = format!(
        "| patch | what it does | known upstream | shown by |\n|---|---|---|---|\n{}\n",
        rows.join("\n")
    );
    let page = read("docs/libzmq.md");
    assert!(page.contains(&table), "docs/libzmq.md must have this table:\n\n{table}");
}

#[test]
fn what_nobody_upstream_was_told_of_is_listed_with_what_shows_it() {
    let page = read("docs/libzmq.md");
    let (_, chapter) = page.split_once("\n## Not yet reported\n").expect("the chapter");
    let chapter = chapter.split("\n## ").next().expect("a chapter");
    let rows = chapter.lines().filter(|line| line.starts_with("| `")).map(str::to_owned);
    let mut programs = BTreeSet::new();
    let expected = series().into_iter().filter(Patch::is_unreported).map(|patch| {
        let row = chapter.lines().find(|line| line.starts_with(&format!("| `{}` ", patch.name)));
        let program = row
            .and_then(|row| row.split_once(&format!("(../{PROGRAMS}/")))
            .and_then(|(_, rest)| rest.split_once(')'));
        // A program would be a way to harm others.
        match (patch.find("Security"), program) {
            (Some("yes"), None) => format!("| `{}` | security: no program |", patch.name),
            (None, Some((program, _))) => {
                programs.insert(program.to_owned());
                format!("| `{}` | [{program}](../{PROGRAMS}/{program}) |", patch.name)
            }
            (security, program) => panic!("{}: security {security:?}, program {program:?}", patch.name),
        }
    });
    let expected: Vec<String> = expected.collect();
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    assert_eq!(files(PROGRAMS, ".py"), programs);
}

#[test]
fn each_program_shows_its_defect_on_a_libzmq_without_patches() {
    for program in files(PROGRAMS, ".py") {
        let path: PathBuf = Path::new(PROGRAMS).join(&program);
        let said = python::run_file(&in_repository(path.to_str().expect("UTF-8")), &[], "");
        assert!(said.starts_with("libzmq 4.3.5: "), "{program}: {said}");
    }
}

#[test]
fn the_page_links_no_patch_that_is_gone() {
    let known: BTreeSet<String> = series().into_iter().map(|patch| patch.name).collect();
    let named = |page: &super::markup::Page| -> Vec<String> {
        let begins = |span: &String| FOLDERS.iter().any(|folder| span.starts_with(&format!("{folder}/")));
        // A span with nothing behind the folder is about all of its patches.
        page.spans().into_iter().filter(begins).filter(|span| !span.ends_with('/')).collect()
    };
    for page in pages::all() {
        let gone: Vec<String> = named(&page).into_iter().filter(|name| !known.contains(name)).collect();
        assert!(gone.is_empty(), "{}: {gone:?}", page.path);
    }
}
