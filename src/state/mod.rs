//! The state file: who is registered, on disk, so that a restart loses nobody. Lines are appended as things happen, and the
//! file is written anew, aside, when more of it is past than present. Records in and out; knows no requests and no store.
//!
//! Whoever writes holds the [`Pen`] from before the line is written until what it says is so in memory. So the lines stand in
//! the order in which things happened, and whoever copies what is in memory while nobody holds the pen misses nothing that was
//! written before.

pub mod line;
pub mod reading;
mod rewriting;

use std::collections::HashSet;
use std::fmt;
use std::fs::{File, OpenOptions, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::wire::registration::Kept;
use line::HEADER;
use reading::{Extent, Unreadable};

/// Whoever may read the file learns what agents say of themselves, and whoever may write it can register.
const MODE: u32 = 0o600;
/// A file of so many bytes is never written anew for its size.
const SMALL: u64 = 1024 * 1024;

/// An open state file, which no other daemon can open until this one ends.
pub struct State {
    /// Where it is, symbolic links resolved: what is written aside takes this name.
    path: PathBuf,
    /// Whether each line has to survive a power failure.
    sync: bool,
    end: Mutex<End>,
    /// Wakes the thread that writes the file anew.
    grown: Condvar,
    /// Held open for life: its lock is what keeps others out.
    _lock: File,
}

/// The end of the file, where lines are appended.
struct End {
    file: File,
    /// All whole lines; what is behind them is no part of it.
    length: u64,
    /// From which length on it is to be written anew.
    too_long: u64,
    /// Whether bytes may be behind `length`: half a line, where a disk was full.
    ragged: bool,
    /// Whether the disk failed to take what the file seems to hold: nothing counts until it has been written anew.
    suspect: bool,
    /// Whether it is to be written anew whatever its length.
    stale: bool,
}

/// The right to write, which one thread has at a time.
pub struct Pen<'a> {
    state: &'a State,
    end: MutexGuard<'a, End>,
}

/// What a start found.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Registrations and deregistrations.
    pub lines: u64,
    /// Bytes of a line that was never finished; they have been cut off.
    pub torn: u64,
    /// When the file was last written.
    pub written: SystemTime,
}

/// Why a state file can't be used.
#[derive(Debug)]
pub struct StateError {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Opening(&'static str, io::Error),
    NoFile,
    InUse,
    Damage(u64, String),
}

impl StateError {
    /// Whether a person has to look at it: trying again won't help.
    pub fn is_damage(&self) -> bool {
        matches!(self.kind, Kind::Damage(..) | Kind::NoFile)
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            Kind::Opening(what, error) => {
                write!(formatter, "the state file {path} could not be {what}: {error}")
            }
            Kind::NoFile => {
                write!(formatter, "the state file {path} is no file; it must be a plain one, or none yet")
            }
            Kind::InUse => write!(
                formatter,
                "the state file {path} is in use by another service-registry, which holds the lock on {path}.lock"
            ),
            Kind::Damage(1, what) => write!(
                formatter,
                "the state file {path} can't be read: {what}. Nothing was changed. Give another --state-file, or move this one \
                 away to begin with none registered"
            ),
            Kind::Damage(line, what) => write!(
                formatter,
                "the state file {path} is damaged at line {line}: {what}. Nothing was changed. Copy the file, then remove that \
                 line (sed -i {line}d) or put back a back-up, or move it away to begin with none registered"
            ),
        }
    }
}

impl std::error::Error for StateError {}

impl State {
    /// Opens the file at `path`, or makes an empty one, and hands each of its lines to `each`. A torn tail is cut off. With
    /// `sync` each line survives a power failure.
    pub fn open(path: &Path, sync: bool, each: impl FnMut(Kept)) -> Result<(State, Found), StateError> {
        let opened = resolve(path).and_then(|path| open(&path, sync, each));
        opened.map_err(|kind| StateError { path: path.to_owned(), kind })
    }

    /// Takes the pen, when nobody else has it.
    pub fn pen(&self) -> Pen<'_> {
        Pen { state: self, end: self.end() }
    }

    /// Has it written anew, since what is present is not what it says.
    pub fn renew(&self) {
        self.end().stale = true;
        self.grown.notify_one();
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    // What is kept behind the lock is put right by whoever writes next, whatever happened to the last.
    fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pen<'_> {
    /// Appends whole lines. After an error none of them is in the file.
    pub fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let end = &mut *self.end;
        if end.suspect {
            return Err(io::Error::other("it is being written anew, since the disk had failed"));
        }
        if std::mem::take(&mut end.ragged) {
            end.cut().inspect_err(|_| end.ragged = true)?;
        }
        if let Err(error) = end.file.write_all_at(lines, end.length) {
            end.ragged = end.cut().is_err();
            return Err(error);
        }
        if self.state.sync
            && let Err(error) = end.file.sync_data()
        {
            // The kernel reports this once, and then takes for written what it could not write (fsync(2)).
            (end.suspect, end.stale) = (true, true);
            end.ragged = end.cut().is_err();
            self.state.grown.notify_one();
            return Err(error);
        }
        end.length += lines.len() as u64;
        if end.is_due() {
            self.state.grown.notify_one();
        }
        Ok(())
    }
}

impl End {
    fn cut(&self) -> io::Result<()> {
        self.file.set_len(self.length)
    }

    /// Whether it is to be written anew.
    fn is_due(&self) -> bool {
        self.stale || self.length >= self.too_long
    }
}

/// Where the file is that `path` leads to, by however many links; it is made where there is none, so that there is one to lead
/// to. Nothing else is touched: a device, for one, is not ours.
fn resolve(path: &Path) -> Result<PathBuf, Kind> {
    let opening = |error: io::Error| Kind::Opening("opened", error);
    match std::fs::metadata(path) {
        Ok(about) if !about.is_file() => return Err(Kind::NoFile),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let make = OpenOptions::new().write(true).create(true).truncate(false).mode(MODE).open(path);
            make.map_err(opening)?;
        }
        Err(error) => return Err(opening(error)),
    }
    std::fs::canonicalize(path).map_err(opening)
}

fn open(path: &Path, sync: bool, mut each: impl FnMut(Kept)) -> Result<(State, Found), Kind> {
    let opening = |what: &'static str| move |error: io::Error| Kind::Opening(what, error);
    let lock = lock(path)?;
    let aside = rewriting::aside(path);
    match std::fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(opening("cleared of what was left aside")(error));
        }
        _ => {}
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(MODE).open(path);
    let file = file.map_err(opening("opened"))?;
    let about = file.metadata().map_err(opening("looked at"))?;
    if about.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(MODE)).map_err(opening("kept from others"))?;
    }
    let written = about.modified().unwrap_or_else(|_| SystemTime::now());
    let mut present = HashSet::new();
    let extent = reading::read(&file, |kept| {
        // The names' hashes, and only to know about how much of the file is of the past.
        match &kept {
            Kept::Registered(record) => present.insert(hash(record.name())),
            Kept::Deregistered(name) => present.remove(&hash(name.as_bytes())),
        };
        each(kept);
    });
    let extent = extent.map_err(|unreadable| match unreadable {
        Unreadable::Io(error) => Kind::Opening("read", error),
        Unreadable::Damage(line, what) => Kind::Damage(line, what),
    })?;
    let length = begin(&file, extent, sync, path).map_err(opening("written"))?;
    let share = present.len() as u64 * length / extent.lines.max(1);
    let end = End {
        file,
        length,
        too_long: rewriting::too_long(share),
        ragged: false,
        suspect: false,
        stale: false,
    };
    let state =
        State { path: path.to_owned(), sync, end: Mutex::new(end), grown: Condvar::new(), _lock: lock };
    Ok((state, Found { lines: extent.lines, torn: extent.torn, written }))
}

fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// A lock of its own, since what is written aside takes the file's place, and would leave its lock behind.
fn lock(path: &Path) -> Result<File, Kind> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(MODE).open(name);
    let lock = lock.map_err(|error| Kind::Opening("locked", error))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(Errno::WOULDBLOCK) => Err(Kind::InUse),
        Err(error) => Err(Kind::Opening("locked", error.into())),
    }
}

/// Cuts the torn tail off, and gives an empty file its first line.
fn begin(file: &File, extent: Extent, sync: bool, path: &Path) -> io::Result<u64> {
    if extent.torn > 0 {
        file.set_len(extent.good)?;
    }
    if extent.good > 0 {
        return Ok(extent.good);
    }
    file.write_all_at(HEADER, 0)?;
    if sync {
        file.sync_all()?;
        rewriting::sync_folder(path)?;
    }
    Ok(HEADER.len() as u64)
}
