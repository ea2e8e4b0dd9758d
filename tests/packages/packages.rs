//! The packages under test, as `make test-packages` built them: N; N once more; and N+1, which is the same with a higher
//! version.

use std::fs;
use std::path::{Path, PathBuf};

use crate::machine::Machine;

/// Of one build: the package of Debian, and that of Fedora, RHEL and SUSE.
pub(crate) struct Build {
    pub(crate) deb: PathBuf,
    pub(crate) rpm: PathBuf,
}

pub(crate) struct Packages {
    pub(crate) n: Build,
    pub(crate) again: Build,
    pub(crate) next: Build,
}

impl Packages {
    /// Those in the folders of this one.
    pub(crate) fn below(folder: &Path) -> Packages {
        let [n, again, next] = ["n", "again", "next"].map(|name| Build::in_folder(&folder.join(name)));
        Packages { n, again, next }
    }
}

impl Build {
    fn in_folder(folder: &Path) -> Build {
        Build { deb: only(folder, "deb"), rpm: only(folder, "rpm") }
    }

    /// Copies one into the machine, and says where it is there.
    pub(crate) fn deb_in(&self, machine: &Machine) -> String {
        copied(&self.deb, machine)
    }

    pub(crate) fn rpm_in(&self, machine: &Machine) -> String {
        copied(&self.rpm, machine)
    }
}

/// The one file of this kind.
fn only(folder: &Path, kind: &str) -> PathBuf {
    let files =
        fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}: run make test-packages", folder.display()));
    let files = files.map(|entry| entry.unwrap().path());
    let mut files = files.filter(|path| path.extension().is_some_and(|extension| extension == kind));
    let file = files.next().unwrap_or_else(|| panic!("no .{kind} in {}", folder.display()));
    assert_eq!(files.next(), None, "more than one .{kind} in {}", folder.display());
    file
}

/// By a name that no search for what a package leaves behind would find.
fn copied(file: &Path, machine: &Machine) -> String {
    let to = format!("/root/package.{}", file.extension().unwrap().display());
    machine.copy(file, &to);
    to
}
