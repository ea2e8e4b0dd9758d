//! The server of benches/bare, whose libzmq is as the crates bring it: where it is, and how it is told to echo.

use std::path::{Path, PathBuf};

/// Its executable, which `make bench` builds.
pub(crate) fn program() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the folder of all that is built");
    let program = target.join("bare/release/bare-zeromq");
    assert!(program.exists(), "there is no {}: type `make bench`", program.display());
    program
}

/// The arguments that make it an echo with a reply of so many bytes.
pub(crate) fn echo(reply_bytes: usize) -> [String; 2] {
    ["echo".to_owned(), reply(reply_bytes)]
}

/// A body: `{"status":"success"}`, with filling before its last brace.
pub(crate) fn reply(bytes: usize) -> String {
    let (head, tail) = (r#"{"status":"success""#, "}");
    format!("{head}{}{tail}", " ".repeat(bytes - head.len() - tail.len()))
}
