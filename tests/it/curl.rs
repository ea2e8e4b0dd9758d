//! The real curl, called without a shell and without anybody's `.curlrc` or proxies.

use std::process::Command;

use crate::answer::Answer;
use crate::process::{self, DEADLINE};

/// `POST /` with this body as JSON.
pub(crate) fn post(port: u16, body: impl AsRef<[u8]>) -> Answer {
    let url = format!("http://127.0.0.1:{port}/");
    run(&["-X", "POST", &url, "-H", "Content-Type: application/json", "--data-binary", "@-"], body)
}

/// `GET` of this path.
pub(crate) fn get(port: u16, path: &str) -> Answer {
    run(&[&format!("http://127.0.0.1:{port}{path}")], b"")
}

/// Any other call: arguments after ours, and the bytes that `@-` stands for.
pub(crate) fn run(args: &[&str], input: impl AsRef<[u8]>) -> Answer {
    let mut command = Command::new("curl");
    command.args(["-q", "-sS", "-i", "--noproxy", "*", "--max-time", "20"]).args(args);
    let output = process::run(&mut command, input.as_ref(), DEADLINE * 2);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    );
    Answer::parse(&output.stdout)
}
