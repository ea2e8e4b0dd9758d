//! Real Python agents: the scripts beside this file, run by the virtual environment that `make test` makes under the
//! target folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process;

/// An interpreter that starts while two cores compile may be slow.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs one of tests/it/python/*.py and gives what it printed.
pub(crate) fn run(script: &str, args: &[&str]) -> String {
    run_with_input(script, args, b"")
}

/// The same, with bytes on its standard input.
pub(crate) fn run_with_input(script: &str, args: &[&str], input: impl AsRef<[u8]>) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/python").join(script);
    run_file(&script, args, input)
}

/// Runs any Python file.
pub(crate) fn run_file(script: &Path, args: &[&str], input: impl AsRef<[u8]>) -> String {
    let mut command = Command::new(interpreter());
    command.arg("-I").arg(script).args(args);
    let output = process::run(&mut command, input.as_ref(), DEADLINE);
    let stdout = String::from_utf8(output.stdout).expect("UTF-8 from a script");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n--- stdout\n{stdout}\n--- stderr\n{stderr}",
        output.status
    );
    stdout
}

/// The virtual environment's Python.
pub(crate) fn interpreter() -> PathBuf {
    let beside_tmp = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().map(|target| target.join("venv"));
    let in_project = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv");
    let found = beside_tmp.into_iter().chain([in_project]).map(|venv| venv.join("bin/python"));
    found
        .into_iter()
        .find(|python| python.exists())
        .expect("no virtual environment with pyzmq under target/: type `make venv`")
}
