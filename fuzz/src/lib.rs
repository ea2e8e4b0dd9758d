//! Fuzz targets for everything that reads what others send or write. Each target is a plain function from bytes to a panic
//! or none, so that libFuzzer can drive it and `cargo test` can replay its kept inputs. Never links libzmq.
//!
//! | module | what it does |
//! |---|---|
//! | [`parser`], [`head`], [`classifier`], [`registry`] | the targets: a request, an HTTP head, a first byte, many requests |
//! | [`resp`], [`stored`], [`url`] | the targets for Redis: what it sends, what others wrote into it, where it is |
//! | [`kept`] | the target for a state file |
//! | [`contract`], [`json`], [`field_lines`] | docs/protocol.md told a second time, plainly and slowly, to compare with |
//! | [`resp2`] | the same for Redis's wire protocol |
//! | [`model`], [`replies`] | what a registry must answer, and how each kind of reply looks |
//! | [`runs`] | a notation that keeps inputs about sizes small |
//!
//! The rooms of the registry are compiled in from ../src under their own names. A room that one of them comes to import
//! joins this list.

#[path = "../../src/act.rs"]
pub mod act;
#[path = "../../src/announcer.rs"]
pub mod announcer;
#[path = "../../src/bell.rs"]
pub mod bell;
#[path = "../../src/classify.rs"]
pub mod classify;
#[path = "../../src/counters.rs"]
pub mod counters;
#[path = "../../src/health.rs"]
pub mod health;
#[path = "../../src/link/mod.rs"]
pub mod link;
#[path = "../../src/quote.rs"]
pub mod quote;
#[path = "../../src/record.rs"]
pub mod record;
#[path = "../../src/slots.rs"]
pub mod slots;
#[path = "../../src/state/mod.rs"]
pub mod state;
#[path = "../../src/store/mod.rs"]
pub mod store;
#[path = "../../src/wire/mod.rs"]
pub mod wire;

pub mod classifier;
pub mod head;
pub mod kept;
pub mod parser;
pub mod registry;
pub mod resp;
pub mod stored;
pub mod url;

pub mod contract;
pub mod field_lines;
pub mod json;
pub mod model;
pub mod replies;
pub mod resp2;
pub mod runs;

/// Tries one input, and panics where something is wrong with what became of it.
pub type Target = fn(&[u8]);

/// Every target, by the name of its file in fuzz_targets/ and of its folder in corpus/.
pub const TARGETS: [(&str, Target); 8] = [
    ("classifier", classifier::target),
    ("head", head::target),
    ("kept", kept::target),
    ("parser", parser::target),
    ("registry", registry::target),
    ("resp", resp::target),
    ("stored", stored::target),
    ("url", url::target),
];
