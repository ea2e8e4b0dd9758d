//! The series of patches: a head in the form of DEP-3 and unified diffs, applied where they say or not at all. Knows
//! nothing of libzmq.

use std::fs;
use std::path::Path;

use diffy::Line;

use crate::{at, read};

/// A patch of the series.
#[derive(Debug)]
pub(crate) struct Patch {
    /// Its path below the folder of the series: `fix/reserved-routing-id.patch`.
    name: String,
    /// What stands behind the head: a diff for each file.
    diffs: String,
}

/// The patches that the file `series` in `folder` names, one a line, in the order in which they are applied. A line that begins
/// with `#` names none.
pub(crate) fn series(folder: &Path) -> Result<Vec<Patch>, String> {
    let names = read(&folder.join("series"))?;
    let names = names.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    names.map(|name| Patch::parse(name, &read(&folder.join(name))?)).collect()
}

impl Patch {
    fn parse(name: &str, text: &str) -> Result<Patch, String> {
        let diffs = text.find("\n--- ").ok_or_else(|| format!("{name} holds no diff"))? + 1;
        Ok(Patch { name: name.into(), diffs: text[diffs..].into() })
    }

    /// Applies it to the files in `tree`: each hunk at the very line that it names, with every line around it as it has it.
    pub(crate) fn apply(&self, tree: &Path) -> Result<(), String> {
        for diff in split(&self.diffs) {
            let (file, hunks) = read_diff(diff).map_err(|why| format!("{}: {why}", self.name))?;
            let path = tree.join(file);
            let patched = apply(&hunks, &read(&path)?)
                .map_err(|why| format!("{} does not apply to {file}, {why}", self.name))?;
            fs::write(&path, patched).map_err(at(&path))?;
        }
        Ok(())
    }
}

/// One diff a file, whatever its head. A line of a hunk never begins with `--- ` and is followed by one with `+++ `: that would
/// be two lines of C++ that begin with `-- ` and `++ `.
fn split(diffs: &str) -> Vec<&str> {
    let begins = |at: &usize| {
        let (before, rest) = diffs.split_at(*at);
        let second = rest.split_once('\n').is_some_and(|(_, second)| second.starts_with("+++ "));
        second && (before.is_empty() || before.ends_with('\n'))
    };
    let starts: Vec<usize> = diffs.match_indices("--- ").map(|(at, _)| at).filter(begins).collect();
    let ends = starts.iter().skip(1).copied().chain([diffs.len()]);
    starts.iter().zip(ends).map(|(start, end)| &diffs[*start..end]).collect()
}

/// The file that a diff changes, and how.
fn read_diff(diff: &str) -> Result<(&str, diffy::Patch<'_, str>), String> {
    let head: Vec<&str> = diff.lines().take(2).collect();
    // diff(1) and quilt(1) put a time behind each path.
    let paths: Vec<&str> = head.iter().filter_map(|line| line.split('\t').next()).collect();
    let [old, new] = paths[..] else { return Err("half a diff".into()) };
    let file = old.strip_prefix("--- a/").filter(|file| new.strip_prefix("+++ b/") == Some(file));
    let file = file.ok_or_else(|| format!("{old:?} and {new:?} are not a/FILE and b/FILE of one file"))?;
    let hunks = diffy::Patch::from_str(diff).map_err(|why| format!("the diff of {file}: {why}"))?;
    if hunks.hunks().is_empty() {
        return Err(format!("the diff of {file} changes nothing"));
    }
    Ok((file, hunks))
}

fn apply(patch: &diffy::Patch<'_, str>, original: &str) -> Result<String, String> {
    let lines: Vec<&str> = original.split_inclusive('\n').collect();
    let (mut patched, mut at) = (Vec::with_capacity(lines.len()), 0);
    for hunk in patch.hunks() {
        let start = hunk.old_range().start().saturating_sub(1);
        patched.extend(lines.get(at..start).ok_or_else(|| format!("which has no line {}", start + 1))?);
        at = start;
        for line in hunk.lines() {
            match line {
                Line::Insert(new) => patched.push(*new),
                Line::Context(old) | Line::Delete(old) if lines.get(at) != Some(old) => {
                    let there = lines.get(at).map(|line| format!("it has {:?}", line.trim_end()));
                    let there = there.unwrap_or_else(|| "the file ends there".into());
                    return Err(format!("line {}: {there}, not {:?}", at + 1, old.trim_end()));
                }
                Line::Context(old) => {
                    patched.push(*old);
                    at += 1;
                }
                Line::Delete(_) => at += 1,
            }
        }
        let end = hunk.new_range().end();
        if patched.len() + 1 != end {
            return Err(format!(
                "line {}: behind this hunk comes line {}, not {end}",
                at + 1,
                patched.len() + 1
            ));
        }
    }
    patched.extend(&lines[at..]);
    Ok(patched.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGINAL: &str = "one\ntwo\nthree\nfour\nfive\n";
    const PATCH: &str = "Description: Change three\n\n--- a/src/f\n+++ b/src/f\n@@ -2,3 +2,4 @@ function\n two\n-three\n+THREE\n+and more\n four\n";

    fn apply_to(original: &str, diff: &str) -> Result<String, String> {
        apply(&diffy::Patch::from_str(diff).expect("a diff"), original)
    }

    fn diff() -> String {
        Patch::parse("f.patch", PATCH).expect("a patch").diffs
    }

    #[test]
    fn a_patch_applies_at_the_line_that_it_names() {
        assert_eq!(apply_to(ORIGINAL, &diff()).as_deref(), Ok("one\ntwo\nTHREE\nand more\nfour\nfive\n"));
    }

    #[test]
    fn and_at_no_other_line() {
        let why = apply_to(&format!("zero\n{ORIGINAL}"), &diff()).expect_err("an offset");
        assert_eq!(why, "line 2: it has \"one\", not \"two\"");
        let why = apply_to("one\n", &diff()).expect_err("a short file");
        assert_eq!(why, "line 2: the file ends there, not \"two\"");
        assert_eq!(apply_to("", &diff()).expect_err("no line at all"), "which has no line 2");
    }

    #[test]
    fn every_line_around_counts() {
        let why = apply_to(&ORIGINAL.replace("four", "fuor"), &diff()).expect_err("fuzz");
        assert_eq!(why, "line 4: it has \"fuor\", not \"four\"");
    }

    #[test]
    fn what_comes_out_is_where_the_patch_says() {
        let why = apply_to(ORIGINAL, &diff().replace("+2,4", "+3,4")).expect_err("a wrong head of a hunk");
        assert_eq!(why, "line 5: behind this hunk comes line 6, not 7");
    }

    #[test]
    fn each_file_has_its_diff() {
        let text = format!("{PATCH}--- a/g\n+++ b/g\n@@ -1 +1 @@\n-old\n+--- new\n");
        let patch = Patch::parse("two.patch", &text).expect("a patch");
        let diffs = split(&patch.diffs);
        assert_eq!(diffs.len(), 2);
        let with_times = diffs[1].replace("/g\n", "/g\t2026-11-29 21:00:00 +0000\n");
        assert_eq!(read_diff(&with_times).map(|(file, _)| file), Ok("g"));
        let (file, hunks) = read_diff(diffs[1]).expect("a diff");
        assert_eq!((file, apply(&hunks, "old\n").as_deref()), ("g", Ok("--- new\n")));
    }

    #[test]
    fn what_changes_no_file_here_is_no_patch() {
        assert!(Patch::parse("none.patch", "Description: nothing\n").is_err());
        for (head, why) in [
            ("--- src/f\n+++ src/f\n@@ -1 +1 @@\n-a\n+b\n", "are not a/FILE and b/FILE"),
            ("--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+b\n", "are not a/FILE and b/FILE"),
            ("--- a/f\n+++ b/g\n@@ -1 +1 @@\n-a\n+b\n", "are not a/FILE and b/FILE"),
            ("--- a/f\n+++ b/f\n", "changes nothing"),
            ("--- a/f\n+++ b/f\n@@ -1,2 +1 @@\n-a\n", "the diff of f: "),
        ] {
            let patch = Patch::parse("p", &format!("Description: x\n\n{head}")).expect("something of a diff");
            let [diff] = split(&patch.diffs)[..] else { panic!("not one diff: {head}") };
            let said = read_diff(diff).expect_err(head);
            assert!(said.contains(why), "{said}, not {why}");
        }
    }
}
