//! A CA for a test, with all that it issues in a folder of its own, made by the `openssl` command. Knows no server.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::server::Folder;
use crate::process::{self, DEADLINE};

/// A key of this kind is made at once.
const NEW_KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

pub(crate) struct Authority {
    folder: Folder,
    issued: AtomicUsize,
}

/// The files of a certificate and of its key.
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let authority = Authority { folder: Folder::new(), issued: AtomicUsize::new(0) };
        let own = ["req", "-x509", "-subj", "/CN=a CA for tests", "-days", "2"];
        authority.openssl(&[&own, &NEW_KEY[..], &["-out", "ca.pem", "-keyout", "ca.key"]].concat());
        authority
    }

    /// Its own certificate, by which others are checked.
    pub(crate) fn own(&self) -> Certificate {
        Certificate { certificate: self.path("ca.pem"), key: self.path("ca.key") }
    }

    /// One for these names, `DNS:localhost,IP:127.0.0.1`.
    pub(crate) fn issue(&self, names: &str) -> Certificate {
        self.sign(&["-addext", &format!("subjectAltName={names}")], "2")
    }

    /// One without a name but the common name, as there were long ago.
    pub(crate) fn issue_nameless(&self) -> Certificate {
        self.sign(&[], "2")
    }

    /// One that has expired.
    pub(crate) fn issue_expired(&self, names: &str) -> Certificate {
        let issued = self.sign(&["-addext", &format!("subjectAltName={names}")], "0");
        // It is valid to the end of the second in which it was made.
        let second = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let made = second();
        while second() == made {
            thread::sleep(Duration::from_millis(20));
        }
        issued
    }

    fn sign(&self, extensions: &[&str], days: &str) -> Certificate {
        let number = self.issued.fetch_add(1, Ordering::Relaxed);
        let [request, key, out] = ["csr", "key", "pem"].map(|kind| format!("{number}.{kind}"));
        let wanted = ["req", "-subj", "/CN=localhost", "-out", &request, "-keyout", &key];
        self.openssl(&[&wanted, &NEW_KEY[..], extensions].concat());
        let signed = ["x509", "-req", "-in", &request, "-CA", "ca.pem", "-CAkey", "ca.key", "-days", days];
        self.openssl(&[&signed[..], &["-copy_extensions", "copyall", "-out", &out]].concat());
        Certificate { certificate: self.path(&out), key: self.path(&key) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, args: &[&str]) {
        let mut command = Command::new("openssl");
        let ran = process::run(command.args(args).current_dir(self.folder.path()), b"", DEADLINE);
        assert!(ran.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}
