//! A reply as every transport gets it: what became of the request, and the bytes to send. A failure carries its code, so
//! that HTTP can pick a status without reading the bytes again. Knows nothing of requests.

use std::ops::Deref;

use super::code::Code;
use super::render;
use super::shared::Shared;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused or failed; nothing has changed.
    Failure(Code),
}

/// The bytes of a reply: written for this one request, or shared with every request that gets the same.
#[derive(Clone, Debug)]
pub enum Body {
    /// The same in every reply of its kind.
    Fixed(&'static [u8]),
    /// Rendered for this request.
    Owned(Vec<u8>),
    /// Rendered once, when what it tells was written.
    Shared(Shared),
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Body::Fixed(bytes) => bytes,
            Body::Owned(bytes) => bytes,
            Body::Shared(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// One answer to one request.
#[derive(Clone, Debug)]
pub struct Reply {
    /// What became of the request.
    pub outcome: Outcome,
    /// One JSON object, UTF-8.
    pub body: Body,
}

impl Reply {
    /// Whether the request was refused for a fault of its own.
    pub fn is_to_bad_request(&self) -> bool {
        matches!(self.outcome, Outcome::Failure(code) if code.is_bad_request())
    }

    /// A success with `body` as its whole JSON object.
    pub fn success(body: Body) -> Reply {
        Reply { outcome: Outcome::Success, body }
    }

    /// A failure with a text for a person and a code for a program.
    pub fn failure(code: Code, text: &str) -> Reply {
        Reply { outcome: Outcome::Failure(code), body: Body::Owned(render::failure(code, text)) }
    }
}
