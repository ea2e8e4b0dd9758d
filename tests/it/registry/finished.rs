//! How a daemon ended, and all that it said until then: what a failed test shows of it.

use std::fmt;
use std::process::ExitStatus;

#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) command: String,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finished { command, status, stdout, stderr } = self;
        write!(f, "command: {command}\n{status}\n--- stdout\n{stdout}--- stderr\n{stderr}---")
    }
}
