//! Where the registry keeps a file of who is registered, if anywhere. Opens nothing.

use std::path::PathBuf;

use super::raw::Raw;
use super::{Backend, Checked, Fault};

/// The state file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether each registration has to survive a power failure.
    pub sync: bool,
}

impl Checked<'_> {
    /// The state file, where there is to be one.
    pub(super) fn state(&mut self, raw: &Raw, backend: &Backend) -> Option<StateFile> {
        const FILE: &str = "none or a path";
        const SYNC: &str = "yes or no";

        let path = self.last(&raw.state_file, FILE, path).flatten();
        let yes_or_no = |text: &str| match text {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        let sync = self.last(&raw.state_sync, SYNC, yes_or_no).unwrap_or(false);
        // A flag that would do nothing is a mistake; a variable may come from a file that several instances share.
        let is_flag = raw.state_sync.iter().any(|given| given.name.starts_with("--"));
        if is_flag && path.is_none() && raw.state_file.last().is_none_or(|given| given.value == "none") {
            self.faults.push(Fault("--state-sync needs --state-file".into()));
        }
        if is_flag && matches!(backend, Backend::Redis(_)) {
            let why = "--state-sync needs --backend memory: behind Redis the file holds what this instance last knew";
            self.faults.push(Fault(why.into()));
        }
        path.map(|path| StateFile { path, sync })
    }
}

/// A file, or none.
fn path(text: &str) -> Option<Option<PathBuf>> {
    match text {
        "none" => Some(None),
        _ => (!text.is_empty() && !text.ends_with('/') && !text.chars().any(char::is_control))
            .then(|| Some(text.into())),
    }
}
