//! Control groups of a machine's own, one in each hierarchy that its systemd looks at: the tests may run in the root of these,
//! and a systemd that finds itself there would move whatever else is there. Removed with all that is below them; those of a run
//! that was killed by the next one.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Processes that were killed leave theirs in their own time.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the names of all of them begin with; the process that made them comes next.
const PREFIX: &str = "registry-";

/// Where systemd-nspawn has an empty folder by the same name, and leaves it when it is killed.
const LEFT_BY_NSPAWN: &str = "/run/systemd/nspawn/propagate";

pub(crate) struct Cgroups(Vec<PathBuf>);

impl Cgroups {
    /// For the machine of this number.
    pub(crate) fn new(number: usize) -> Cgroups {
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        hierarchies(&mounts).chain([LEFT_BY_NSPAWN.into()]).for_each(|root| remove_orphans(&root));
        let groups = Cgroups(hierarchies(&mounts).map(|root| root.join(&name)).collect());
        assert!(!groups.0.is_empty(), "no cgroup hierarchy that systemd could use is mounted:\n{mounts}");
        groups.0.iter().for_each(|group| fs::create_dir(group).unwrap());
        groups
    }

    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.0
    }
}

/// The unified one, and the one of systemd where there are several.
fn hierarchies(mounts: &str) -> impl Iterator<Item = PathBuf> {
    mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind, options) = (words.next()?, words.next()?, words.next()?);
        let of_systemd = kind == "cgroup" && options.split(',').any(|option| option == "name=systemd");
        (kind == "cgroup2" || of_systemd).then(|| PathBuf::from(place))
    })
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        let end = Instant::now() + PATIENCE;
        for group in &self.0 {
            while group.exists() && Instant::now() < end {
                remove(group);
                thread::sleep(Duration::from_millis(5));
            }
            if group.exists() {
                eprintln!("packages: {} is still in use", group.display());
            }
        }
    }
}

/// Those whose maker is no more.
fn remove_orphans(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let maker = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')).map(|(maker, _)| maker);
        if maker.is_some_and(|maker| !Path::new("/proc").join(maker).exists()) {
            remove(&entry.path());
        }
    }
}

/// From the leaves up. What is still in use stays.
fn remove(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    drop(fs::remove_dir(group));
}
