//! One line of the state file: an agent as it registered, or word that it is gone. Lines to bytes and back; knows no file.

use crate::wire::registration::{self, Kept};
use crate::wire::render::{self, Rendered};

/// The first line: what the file is, and the version of its format.
pub const HEADER: &[u8] = b"{\"format\":\"service-registry state\",\"version\":1}\n";
/// How the first line of every version begins.
const FORMAT: &[u8] = b"{\"format\":\"service-registry state\",\"version\":";

/// The longest line, in bytes, its newline included: twice what Redis may hold of an agent (1 MiB, with all that can be escaped
/// escaped), and room for what a person's editor makes of it.
pub const MAX_LINE: usize = 4 * 1024 * 1024;

/// Appends the line that says how `record`'s agent is registered.
pub fn registered(out: &mut Vec<u8>, record: &Rendered) {
    out.extend_from_slice(b"{\"agent_id\":");
    render::string(out, &String::from_utf8_lossy(record.name()));
    out.push(b',');
    out.extend_from_slice(record.members());
    out.push(b'\n');
}

/// Appends the line that says that the agent of this name is gone.
pub fn deregistered(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b"{\"agent_id\":");
    render::string(out, name);
    out.extend_from_slice(b",\"deregistered\":true}\n");
}

/// What a line says, without its newline.
pub fn read(line: &[u8]) -> Result<Kept, String> {
    registration::kept(line).map_err(|fault| fault.text)
}

/// What the first line, without its newline, says about the file.
pub fn read_header(line: &[u8]) -> Result<(), String> {
    if [line, b"\n"].concat() == HEADER {
        return Ok(());
    }
    let version = line.strip_prefix(FORMAT).and_then(|rest| rest.strip_suffix(b"}"));
    let version = version.filter(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit));
    match version {
        Some(version) => Err(format!(
            "it is of the format's version {}, and this service-registry reads version 1: run the version that wrote it, or a \
             later one",
            String::from_utf8_lossy(version)
        )),
        None => Err(format!(
            "it is not the state file of a service-registry, whose first line is {}",
            String::from_utf8_lossy(HEADER.trim_ascii_end())
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_what_the_file_is() {
        assert_eq!(read_header(HEADER.trim_ascii_end()), Ok(()));
        let later =
            read_header(br#"{"format":"service-registry state","version":2}"#).expect_err("a refusal");
        assert!(later.starts_with("it is of the format's version 2, and this"), "{later}");
        for other in [&b""[..], b"{}", br#"{"format":"service-registry state","version":}"#, b"PK\x03\x04"] {
            let refused = read_header(other).expect_err("a refusal");
            assert!(refused.starts_with("it is not the state file"), "{refused}");
        }
    }

    #[test]
    fn a_line_comes_back_as_it_was() {
        let json =
            br#"{"host":"h\"","port":1,"metadata":{"a":[1,2]},"last_registered":"2025-07-03T12:34:56.789Z"}"#;
        let record = registration::stored("n\"\u{e9}", json).expect("a record");
        let mut line = Vec::new();
        registered(&mut line, &record);
        let Ok(Kept::Registered(again)) = read(line.trim_ascii_end()) else { panic!("{line:?}") };
        assert_eq!((again.name(), &*again.reply()), (record.name(), &*record.reply()));
        line.clear();
        deregistered(&mut line, "n\"\u{e9}");
        let Ok(Kept::Deregistered(name)) = read(line.trim_ascii_end()) else { panic!("{line:?}") };
        assert_eq!(&*name, "n\"\u{e9}");
    }
}
