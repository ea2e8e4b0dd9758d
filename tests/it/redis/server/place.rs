//! Where a server of a test lives: a port that stays its own while the server is down, and a folder that goes with it.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Below the ports that the system gives to outgoing connections: none of those may take it while the server is down.
const FIRST_PORT: u16 = 18_000;
const PORTS: u16 = 14_000;

/// A port on which nobody else listens, to which a server may come back as often as it likes. All tests of all programs
/// agree by binding it for UDP, for as long as they have it.
pub(crate) struct Port {
    address: SocketAddr,
    _reserved: UdpSocket,
}

impl Port {
    pub(crate) fn reserve(host: IpAddr) -> Port {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        // Programs that run at the same time start at different places.
        let start = process::id() as usize * 101;
        for _ in 0..PORTS {
            let number = (start + NEXT.fetch_add(1, Ordering::Relaxed)) % usize::from(PORTS);
            let address = SocketAddr::new(host, FIRST_PORT + u16::try_from(number).unwrap());
            let Ok(reserved) = UdpSocket::bind(address) else { continue };
            if TcpListener::bind(address).is_ok() {
                return Port { address, _reserved: reserved };
            }
        }
        panic!("no free port of {host} from {FIRST_PORT} on");
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A temporary folder, gone when this is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Its path is short, since that of a Unix socket may have 107 bytes.
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("registry-redis-{}-{number}", process::id()));
        fs::create_dir(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it, and its path.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
