//! The state file, written anew by a thread of its own: what is present aside, then what was appended meanwhile, then the new
//! file takes the old one's name. A crash at any moment leaves one whole file under that name.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use super::line::{self, HEADER};
use super::{End, MODE, SMALL, State};
use crate::wire::render::Rendered;

/// What may be left to copy while nobody can write, in bytes.
const LITTLE: u64 = 64 * 1024;
/// How long it waits after a failure, at first, and at most.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

impl State {
    /// Starts the thread that keeps the file from growing for ever. `present` gives all who are registered, and must not be
    /// called by anybody who holds the pen.
    pub fn keep_small(
        self: &Arc<State>,
        present: impl Fn() -> Vec<Rendered> + Send + 'static,
    ) -> io::Result<()> {
        let state = Arc::clone(self);
        thread::Builder::new().name("state".into()).spawn(move || {
            let mut wait = FIRST_WAIT;
            loop {
                let (before, stale) = state.wait_until_due();
                let path = state.path.display();
                match state.rewrite(&present) {
                    Ok(after) => {
                        log::debug!("the state file {path} was written anew: {before} bytes, now {after}");
                        wait = FIRST_WAIT;
                    }
                    Err(error) => {
                        log::warn!("the state file {path} could not be written anew, and grows on: {error}");
                        state.put_off(stale);
                        // Nobody waits for it; a disk that is full stays so for a while.
                        thread::sleep(wait);
                        wait = (wait * 2).min(LONGEST_WAIT);
                    }
                }
            }
        })?;
        Ok(())
    }

    /// How long the file is then, and whether that is not the only reason.
    fn wait_until_due(&self) -> (u64, bool) {
        let waited = self.grown.wait_while(self.end(), |end| !end.is_due());
        let mut end = waited.unwrap_or_else(PoisonError::into_inner);
        (end.length, std::mem::take(&mut end.stale))
    }

    /// Writes the file anew; how long it is then, in bytes.
    fn rewrite(&self, present: impl Fn() -> Vec<Rendered>) -> io::Result<u64> {
        // Until here all is in memory: nobody holds the pen.
        let (old, mark) = {
            let end = self.end();
            (end.file.try_clone()?, end.length)
        };
        let aside = aside(&self.path);
        let written = self.write_aside(&aside, &present(), &old, mark);
        written.inspect_err(|_| drop(std::fs::remove_file(&aside)))
    }

    fn write_aside(&self, aside: &Path, present: &[Rendered], old: &File, mark: u64) -> io::Result<u64> {
        let new =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(MODE).open(aside)?;
        let mut length = write_all(&new, present)?;
        let base = length;
        let mut copied = mark;
        loop {
            let until = self.end().length;
            if until - copied <= LITTLE {
                break;
            }
            length += copy(old, copied..until, &new, length)?;
            copied = until;
        }
        new.sync_all()?;
        let mut end = self.end();
        length += copy(old, copied..end.length, &new, length)?;
        if self.sync || end.suspect {
            new.sync_data()?;
        }
        std::fs::rename(aside, &self.path)?;
        let stale = end.stale;
        *end = End { file: new, length, too_long: too_long(base), ragged: false, suspect: false, stale };
        if self.sync {
            // Before anybody writes into what a power failure could still take away.
            let synced = sync_folder(&self.path);
            (end.suspect, end.stale) = (synced.is_err(), end.stale || synced.is_err());
            synced?;
        } else {
            drop(end);
            sync_folder(&self.path)?;
        }
        Ok(length)
    }

    /// Tries again when it has grown by as much as it may have been too long by; at once, where it is `stale`.
    fn put_off(&self, stale: bool) {
        let mut end = self.end();
        end.too_long = end.length + SMALL;
        end.stale |= stale;
    }
}

/// From which length on a file is to be written anew that has so many bytes of what is present.
pub(super) fn too_long(present: u64) -> u64 {
    SMALL.max(present * 2)
}

fn write_all(new: &File, present: &[Rendered]) -> io::Result<u64> {
    let mut length = HEADER.len() as u64;
    let mut out = BufWriter::with_capacity(256 * 1024, new);
    out.write_all(HEADER)?;
    let mut text = Vec::new();
    for record in present {
        text.clear();
        line::registered(&mut text, record);
        out.write_all(&text)?;
        length += text.len() as u64;
    }
    out.flush()?;
    Ok(length)
}

/// Copies these bytes of `old` to `at` in `new`; how many.
fn copy(old: &File, bytes: std::ops::Range<u64>, new: &File, at: u64) -> io::Result<u64> {
    let mut piece = vec![0; (LITTLE as usize).min((bytes.end - bytes.start) as usize)];
    let mut from = bytes.start;
    while from < bytes.end {
        let length = piece.len().min((bytes.end - from) as usize);
        old.read_exact_at(&mut piece[..length], from)?;
        new.write_all_at(&piece[..length], at + from - bytes.start)?;
        from += length as u64;
    }
    Ok(bytes.end - bytes.start)
}

/// Where the new file is written.
pub(super) fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// Makes a new name in the folder of `path` survive a power failure (fsync(2)).
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
