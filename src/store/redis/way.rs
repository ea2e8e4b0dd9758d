//! The way to Redis: which server is to be connected to, by its address or by what sentinels say, and with which password
//! and certificates. Knows nothing of what is asked there.

use std::path::PathBuf;
use std::time::Duration;

use crate::link::sentinel::{Sentinels, Watch};
use crate::link::tls::Tls;
use crate::link::url::{Place, Secret, Url};
use crate::link::{Failure, TlsFiles};

/// How long the longest wait between two tries is; and where sentinels may soon name another master.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT_FOR_SENTINELS: Duration = Duration::from_millis(500);

/// Where Redis is, and how to sign in.
#[derive(Clone)]
pub struct Way {
    /// The server, or the sentinels that know it.
    pub url: Url,
    /// Where the password is read from, at each connecting.
    pub password_file: Option<PathBuf>,
    /// What connections are encrypted by, where the URL says that they are; read at each connecting too.
    pub tls: TlsFiles,
}

impl Way {
    /// The server to connect to, and what tells of another one.
    pub(super) fn master(&self, tls: Option<&Tls>, limit: Duration) -> Result<(Place, Vec<Watch>), Failure> {
        let Place::Sentinel { sentinels, service, user, password } = &self.url.place else {
            return Ok((self.url.place.clone(), Vec::new()));
        };
        let sentinels =
            Sentinels { places: sentinels, service, user: user.as_deref(), password: password.as_ref(), tls };
        sentinels.master(limit).map(|(master, watches)| (Place::Tcp(master), watches))
    }

    /// Ends the round where one of the sentinels has another master. One that is gone tells nothing more.
    pub(super) fn heed(&self, watches: &mut Vec<Watch>) -> Result<(), Failure> {
        let Place::Sentinel { service, .. } = &self.url.place else { return Ok(()) };
        let mut switched = false;
        watches.retain_mut(|watch| {
            let told = watch.has_told_of(service);
            switched |= told == Ok(true);
            told.is_ok()
        });
        if switched { Err(Failure::NoMaster("another server is master now".into())) } else { Ok(()) }
    }

    pub(super) fn longest_wait(&self) -> Duration {
        match self.url.place {
            Place::Sentinel { .. } => LONGEST_WAIT_FOR_SENTINELS,
            _ => LONGEST_WAIT,
        }
    }

    /// Read each time, so that certificates may be renewed while the registry runs.
    pub(super) fn tls(&self) -> Result<Option<Tls>, Failure> {
        self.url.tls.then(|| Tls::read(&self.tls)).transpose()
    }

    /// Read each time, so that a password may be replaced while the registry runs.
    pub(super) fn password(&self) -> Result<Option<Secret>, Failure> {
        let Some(path) = &self.password_file else { return Ok(None) };
        let wrong = |what: &str| Failure::PasswordFile(format!("the password file {}{what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(&format!(": {error}")))?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(wrong(" is empty")),
            password => Ok(Some(Secret::new(password.to_owned()))),
        }
    }
}
