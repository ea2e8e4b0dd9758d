//! Builds libzmq: one source tree, the published one of 4.3.5 with the patches of `patches/series`, compiled once with the
//! settings of `platform.hpp`. zmq-sys's build script calls [`Build::build`], in whose environment Cargo has put what the
//! library is built for. What comes out is `libzmq.a` and the lines that make Cargo link it; what goes wrong ends the build.

mod compile;
mod patch;
mod source;

use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

/// The folder of this crate.
const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// A build of libzmq, with the calls that zmq-sys makes.
#[derive(Debug, Default)]
pub struct Build;

impl Build {
    /// A build with all patches.
    pub fn new() -> Build {
        Build
    }

    /// Nothing: this build has no CURVE. It is here because zmq-sys says so too.
    pub fn with_libsodium(&mut self, none: Option<std::convert::Infallible>) -> &mut Build {
        debug_assert!(none.is_none());
        self
    }

    /// Builds the library into `OUT_DIR`, or ends the process with a line that says why not.
    pub fn build(&mut self) {
        if let Err(why) = build() {
            eprintln!("libzmq is not built: {why}");
            process::exit(1);
        }
    }
}

fn build() -> Result<(), String> {
    let here = Path::new(HERE);
    for watched in ["patches", "platform.hpp", "sources.sha256", "src"] {
        println!("cargo:rerun-if-changed={}", here.join(watched).display());
    }
    let out = PathBuf::from(variable("OUT_DIR")?);
    let tree = out.join("source");
    let pristine = source::find(Path::new(&variable("CARGO_MANIFEST_DIR")?))?;
    source::copy(&pristine, &read(&here.join("sources.sha256"))?, &tree)?;
    for patch in patch::series(&here.join("patches"))? {
        patch.apply(&tree)?;
    }
    let settings = here.join("platform.hpp");
    fs::copy(&settings, tree.join("src/platform.hpp")).map_err(at(&settings))?;
    compile::compile(&tree, &out.join("lib"))?;
    println!("cargo:include={}", tree.join("include").display());
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|why| format!("{name}: {why}; Cargo sets it"))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}
