//! The packages as files: what packaging/check.sh says of them, and what two packings and two kinds of package have in common.
//! Boots nothing.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Ground;
use crate::checks::{Checks, Outcome, is};
use crate::packages::Build;
use crate::process;

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

const TOOL_DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn run(ground: &Ground, checks: &mut Checks) {
    let Build { deb, rpm } = &ground.packages.n;
    let again = &ground.packages.again;
    let unpacked = ground.folder().join("unpacked");
    checks.check("both packages have the same program", || {
        unpack(deb, rpm, &unpacked)?;
        same(&program(&unpacked, "deb"), &program(&unpacked, "rpm"))
    });
    checks.check("packaging/check.sh: sizes, needed symbols, lintian, rpmlint", || {
        let script = Path::new("packaging/check.sh");
        let said = said(["sh".as_ref(), script, &program(&unpacked, "deb"), deb, rpm])?;
        said.lines().for_each(|line| println!("    {line}"));
        Ok(())
    });
    checks.check("packed again, both packages have the same bytes", || {
        same(deb, &again.deb)?;
        same(rpm, &again.rpm)
    });
    checks.check("no file of theirs has the path of this clone in it", || no_path(&unpacked));
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked).unwrap();
    }
}

/// What a command says that succeeds.
fn said<const N: usize>(words: [&Path; N]) -> Result<String, String> {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(REPOSITORY);
    let output = process::run(&mut command, b"", TOOL_DEADLINE);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    is(output.status.success(), || format!("{command:?}: {}\n{said}", output.status))?;
    Ok(said)
}

fn same(one: &Path, other: &Path) -> Outcome {
    let read = |path: &Path| fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
    is(read(one)? == read(other)?, || format!("{} and {} differ", one.display(), other.display()))
}

fn unpack(deb: &Path, rpm: &Path, to: &Path) -> Outcome {
    let script = r#"set -e; rm -rf "$3"; mkdir -p "$3/deb" "$3/rpm"
        dpkg-deb -x "$1" "$3/deb"; rpm2archive - <"$2" | tar -xz -C "$3/rpm""#;
    let [shell, is_script, script] = ["sh", "-c", script].map(Path::new);
    said([shell, is_script, script, shell, deb, rpm, to]).map(drop)
}

fn program(unpacked: &Path, kind: &str) -> PathBuf {
    unpacked.join(kind).join("usr/bin/service-registry")
}

fn no_path(unpacked: &Path) -> Outcome {
    let words: [&OsStr; 5] = ["-r", "-l", "-a", "-F", REPOSITORY].map(OsStr::new);
    let found = Command::new("grep").args(words).arg(unpacked).output();
    let found = found.map_err(|e| format!("cannot run grep: {e}"))?;
    let files = String::from_utf8_lossy(&found.stdout).into_owned();
    is(found.status.code() == Some(1), || format!("{REPOSITORY} is in\n{files}"))
}
