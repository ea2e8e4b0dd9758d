//! Finds the unchanged source of libzmq and copies what is compiled, file by file against `sources.sha256`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use pristine as _; // Cargo has unpacked it, since it is a dependency.

use crate::at;

/// The package that holds the source, as Cargo names its folder, and as `cargo vendor` does.
const FOLDERS: [&str; 2] = ["zeromq-src-0.3.6+4.3.5", "zeromq-src"];

/// The source in the package that lies beside `zmq_sys`, another package of the same registry: Cargo and `cargo vendor` unpack
/// the packages of a registry side by side.
pub(crate) fn find(zmq_sys: &Path) -> Result<PathBuf, String> {
    let beside = zmq_sys.parent().unwrap_or(zmq_sys);
    let candidates = FOLDERS.map(|folder| beside.join(folder).join("vendor"));
    candidates.into_iter().find(|folder| folder.join("src/zmq.cpp").is_file()).ok_or_else(|| {
        let [unpacked, vendored] = FOLDERS;
        format!(
            "its source is neither in {unpacked} nor in {vendored}, in {}, where zmq-sys is: both have to come from \
             one registry",
            beside.display()
        )
    })
}

/// Copies the files that `sums` lists (as sha256sum(1) does) from `pristine` into a new folder `tree`.
pub(crate) fn copy(pristine: &Path, sums: &str, tree: &Path) -> Result<(), String> {
    if tree.exists() {
        fs::remove_dir_all(tree).map_err(at(tree))?;
    }
    for folder in ["include", "src"] {
        let folder = tree.join(folder);
        fs::create_dir_all(&folder).map_err(at(&folder))?;
    }
    for line in sums.lines() {
        let (sum, file) =
            line.split_once("  ").ok_or_else(|| format!("sources.sha256: {line:?} is not SUM and FILE"))?;
        let from = pristine.join(file);
        let bytes = fs::read(&from).map_err(at(&from))?;
        if hexadecimal(&hmac_sha256::Hash::hash(&bytes)) != sum {
            return Err(format!("{} is not the file that the patches were made for", from.display()));
        }
        let to = tree.join(file);
        fs::write(&to, bytes).map_err(at(&to))?;
    }
    Ok(())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
