//! The way to Redis: which server is to be connected to, by its address or by what sentinels say, and with which password
//! and certificates. Knows nothing of what is asked there.

use std::path::PathBuf;
use std::time::Duration;

use crate::link::sentinel::{Sentinels, Watch};
use crate::link::tls::Tls;
use crate::link::url::{Place, Secret, Url};
use crate::link::{Failure, Link, TlsFiles};

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
    /// The servers that may be connected to, the likeliest first, and what tells of another one.
    pub(super) fn masters(
        &self,
        tls: Option<&Tls>,
        limit: Duration,
    ) -> Result<(Vec<Place>, Vec<Watch>), Failure> {
        let Place::Sentinel { sentinels, service, user, password } = &self.url.place else {
            return Ok((vec![self.url.place.clone()], Vec::new()));
        };
        let sentinels =
            Sentinels { places: sentinels, service, user: user.as_deref(), password: password.as_ref(), tls };
        let (masters, watches) = sentinels.masters(limit)?;
        Ok((masters.into_iter().map(Place::Tcp).collect(), watches))
    }

    /// How many sentinels there are.
    pub(super) fn sentinels(&self) -> usize {
        match &self.url.place {
            Place::Sentinel { sentinels, .. } => sentinels.len(),
            _ => 0,
        }
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

/// The first of these that lets itself be connected to: one that sentinels name may be none any more, or not yet.
pub(super) fn first_master(
    places: Vec<Place>,
    open: impl Fn(&Place) -> Result<Link, Failure>,
) -> Result<(Place, Link), Failure> {
    let mut last = Failure::NoMaster("there is no server to ask".into());
    for (number, place) in places.into_iter().enumerate() {
        match open(&place) {
            Ok(link) => return Ok((place, link)),
            // What is wrong with the likeliest is what a person should know.
            Err(failure) if number == 0 => last = failure,
            Err(_) => {}
        }
    }
    Err(last)
}
