//! Which pages there are, and where.

use std::fs;
use std::path::{Path, PathBuf};

use super::markup::Page;

const AT_THE_ROOT: [&str; 4] = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];

/// A path in the repository.
pub(super) fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// One page.
pub(super) fn read(path: &str) -> Page {
    let text = fs::read_to_string(in_repository(path)).unwrap_or_else(|e| panic!("cannot read {path}: {e}"));
    Page::new(path, &text)
}

/// Every page: those at the root, and all of docs/.
pub(super) fn all() -> Vec<Page> {
    let files = fs::read_dir(in_repository("docs")).expect("docs/");
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut docs: Vec<String> =
        names.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")).collect();
    docs.sort();
    assert!(docs.iter().any(|doc| doc == "docs/protocol.md"), "{docs:?}");
    let root = AT_THE_ROOT.iter().map(|name| (*name).to_owned());
    root.chain(docs).map(|path| read(&path)).collect()
}
