//! The packages as files: what the tools of both distributions say of them, how large they are, what their program needs of
//! the system, and what they must not hold. Boots nothing.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Ground;
use crate::checks::{Checks, Outcome, is};
use crate::packages::Build;
use crate::process;

const MIB: f64 = 1024.0 * 1024.0;
const DEB_AT_MOST: f64 = 1.8;
const INSTALLED_AT_MOST: f64 = 7.0;

/// What RHEL 9 has; older than that of Ubuntu 22.04 and Debian 12.
const GLIBC_AT_MOST: (u32, u32) = (2, 34);

const TOOL_DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn run(ground: &Ground, checks: &mut Checks) {
    let Build { deb, rpm } = &ground.packages.n;
    let again = &ground.packages.again;
    checks.check("lintian has nothing to say", || {
        said_nothing(
            &["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0"],
            deb,
        )
    });
    checks.check("rpmlint has nothing to say", || rpmlint(rpm));
    checks.check("packed again, both packages have the same bytes", || {
        same(deb, &again.deb)?;
        same(rpm, &again.rpm)
    });
    let unpacked = ground.folder().join("unpacked");
    checks.check("both packages have the same program", || {
        unpack(deb, rpm, &unpacked)?;
        same(&program(&unpacked, "deb"), &program(&unpacked, "rpm"))
    });
    checks.check("the .deb has 1.8 MiB at most, installed 7 MiB", || sizes(deb, &unpacked));
    checks.check("its program needs glibc 2.34 at most, and no libstdc++", || symbols(&unpacked));
    checks.check("no path of this machine is in it", || paths(&unpacked));
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked).unwrap();
    }
}

fn said<W: AsRef<OsStr>>(words: &[W]) -> Result<String, String> {
    let mut command = Command::new(&words[0]);
    let output = process::run(command.args(&words[1..]), b"", TOOL_DEADLINE);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    is(output.status.success(), || format!("{command:?}: {}\n{said}", output.status))?;
    Ok(said)
}

fn said_nothing(words: &[&str], package: &Path) -> Outcome {
    let words: Vec<&OsStr> = words.iter().map(OsStr::new).chain([package.as_os_str()]).collect();
    let said = said(&words)?;
    let found = said.lines().any(|line| line.starts_with("E:") || line.starts_with("W:"));
    is(!found, || said.clone())
}

fn rpmlint(rpm: &Path) -> Outcome {
    let filters = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/rpmlint.toml");
    let mut words = vec![OsStr::new("rpmlint")];
    if filters.exists() {
        words.extend([OsStr::new("-c"), filters.as_os_str()]);
    }
    words.push(rpm.as_os_str());
    let said = said(&words)?;
    is(said.contains(" 0 errors, 0 warnings"), || said.clone())
}

fn same(one: &Path, other: &Path) -> Outcome {
    let read = |path: &Path| fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
    is(read(one)? == read(other)?, || format!("{} and {} differ", one.display(), other.display()))
}

fn unpack(deb: &Path, rpm: &Path, to: &Path) -> Outcome {
    let script = r#"set -e; rm -rf "$3"; mkdir -p "$3/deb" "$3/rpm"; dpkg-deb -x "$1" "$3/deb"; rpm2archive - <"$2" | tar -xz -C "$3/rpm""#;
    let words = [
        "sh".as_ref(),
        "-c".as_ref(),
        script.as_ref(),
        "sh".as_ref(),
        deb.as_os_str(),
        rpm.as_os_str(),
        to.as_os_str(),
    ];
    said(&words).map(drop)
}

fn program(unpacked: &Path, kind: &str) -> PathBuf {
    unpacked.join(kind).join("usr/bin/service-registry")
}

fn sizes(deb: &Path, unpacked: &Path) -> Outcome {
    let packed = fs::metadata(deb).map_err(|e| e.to_string())?.len() as f64 / MIB;
    let installed = size(&unpacked.join("deb")) as f64 / MIB;
    println!("    the .deb has {packed:.2} MiB, installed {installed:.2} MiB");
    is(packed <= DEB_AT_MOST && installed <= INSTALLED_AT_MOST, || {
        format!("{packed:.2} and {installed:.2} MiB")
    })
}

/// Of all files below.
fn size(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    fs::read_dir(path).unwrap().map(|entry| size(&entry.unwrap().path())).sum()
}

fn symbols(unpacked: &Path) -> Outcome {
    let program = program(unpacked, "deb");
    let needs = said(&[
        "readelf".as_ref(),
        "--version-info".as_ref(),
        "--dynamic".as_ref(),
        "-W".as_ref(),
        program.as_os_str(),
    ])?;
    is(!needs.contains("GLIBCXX") && !needs.contains("libstdc++"), || {
        format!("it needs libstdc++:\n{needs}")
    })?;
    let versions: BTreeSet<(u32, u32)> = needs.split("GLIBC_").skip(1).filter_map(version).collect();
    let highest = versions.last().ok_or("it needs no glibc at all")?;
    println!("    its program needs glibc {}.{}", highest.0, highest.1);
    is(*highest <= GLIBC_AT_MOST, || format!("it needs glibc {highest:?}"))
}

/// The two numbers that a text begins with.
fn version(text: &str) -> Option<(u32, u32)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let mut numbers = text[..end].split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// Neither where this clone is, nor where crates and compilers are.
fn paths(unpacked: &Path) -> Outcome {
    let homes = ["HOME", "CARGO_HOME", "RUSTUP_HOME"].map(env::var);
    let homes = homes.into_iter().flatten().filter(|path| path.len() > 1).map(|path| path + "/");
    let paths: Vec<String> =
        homes.chain([env!("CARGO_MANIFEST_DIR").to_owned(), "/.cargo/".into(), "/.rustup/".into()]).collect();
    for path in paths {
        let found = Command::new("grep").arg("-rlaF").arg("--").arg(&path).arg(unpacked).output();
        let found = found.map_err(|e| format!("cannot run grep: {e}"))?;
        let files = String::from_utf8_lossy(&found.stdout).into_owned();
        is(found.status.code() == Some(1), || format!("{path} is in\n{files}"))?;
    }
    Ok(())
}
