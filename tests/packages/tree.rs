//! The tree that machines boot from: Debian bookworm with what the checks need, and nothing of ours. Made once and kept as a
//! tar under target/, whose name has a hash of its recipe; unpacked for each run, and removed after it.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FlockOperation, flock};

/// Beside apt and what it needs.
const PACKAGES: &str = "systemd-sysv,dbus,procps,iproute2,redis-server,rpm";

/// What is done in the new tree: no Redis runs before it is wanted.
const HOOK: &str = r#"chroot "$1" systemctl disable redis-server"#;

const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n";

/// Where this system's own apt gets Debian from.
const SOURCES: [&str; 2] = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"];

pub(crate) struct Tree {
    pub(crate) path: PathBuf,
    /// One run at a time, as there is one tree.
    _lock: File,
}

impl Tree {
    pub(crate) fn unpacked() -> Tree {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
        fs::create_dir_all(&folder).unwrap();
        let lock = File::create(folder.join("lock")).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        let tar = kept_tar(&folder);
        let tree = Tree { path: folder.join("tree"), _lock: lock };
        tree.remove();
        fs::create_dir(&tree.path).unwrap();
        run(Command::new("tar").arg("-xf").arg(&tar).arg("-C").arg(&tree.path));
        fs::write(tree.path.join("etc/hosts"), HOSTS).unwrap();
        tree
    }

    fn remove(&self) {
        if self.path.exists() {
            fs::remove_dir_all(&self.path).unwrap();
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The tar of this recipe, made where there is none. Those of other recipes are removed.
fn kept_tar(folder: &Path) -> PathBuf {
    let sources = SOURCES.into_iter().find(|file| Path::new(file).exists());
    let sources = sources.unwrap_or_else(|| panic!("none of {SOURCES:?} is there: this needs a Debian"));
    let mut hasher = DefaultHasher::new();
    (PACKAGES, HOOK, fs::read_to_string(sources).unwrap()).hash(&mut hasher);
    let tar = folder.join(format!("tree-{:016x}.tar", hasher.finish()));
    if tar.exists() {
        return tar;
    }
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "tar") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    println!("making {} (half a minute)", tar.display());
    let unfinished = folder.join("unfinished.tar");
    run(Command::new("mmdebstrap")
        .args(["--quiet", "--variant=apt", "--aptopt=Acquire::Languages \"none\""])
        .args([format!("--include={PACKAGES}"), format!("--customize-hook={HOOK}"), "bookworm".to_owned()])
        .arg(&unfinished)
        .arg(sources));
    fs::rename(&unfinished, &tar).unwrap();
    tar
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|e| panic!("cannot run {command:?}: {e}"));
    assert!(status.success(), "{command:?}: {status}");
}
