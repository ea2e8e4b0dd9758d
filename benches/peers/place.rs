//! Where a server runs: a free port of the loopback, a folder under target/tmp that goes when the server is gone, and the
//! server that it can't do without. It never knows who runs there.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// On a real disk, as a server's data would be: what a server syncs is to cost what it costs.
const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");

pub(crate) struct Place {
    pub(crate) port: u16,
    pub(crate) folder: PathBuf,
    /// The port of the server that is needed, where one is.
    pub(crate) needed: Option<u16>,
}

impl Place {
    pub(crate) fn new(name: &str, needed: Option<u16>) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = PathBuf::from(format!("{FOLDER}/peers-{}-{count}-{name}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self { port: free_port()?, folder, needed })
    }

    /// The path of a file or folder in it, as text.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(name).into_os_string().into_string().expect("a path of UTF-8")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("{}: {error}", self.folder.display());
        }
    }
}

/// Removes the folders of benchmarks that were ended before they could.
pub(crate) fn remove_leftovers() {
    for entry in fs::read_dir(FOLDER).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix("peers-").and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A port that nobody listens on; somebody may take it before it is used, and then the server is started once more.
pub(crate) fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}
