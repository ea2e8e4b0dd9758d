//! The closed set of failure codes a program may branch on, each with the HTTP status that carries it. The table is the
//! contract's (docs/protocol.md, "Replies"); nothing else in the project invents a code or a status.

/// What went wrong, for a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Not JSON, not an object, a field missing or wrong.
    InvalidRequest,
    /// An `action` that this registry doesn't have.
    UnknownAction,
    /// No such agent, no such path.
    NotFound,
    /// A request that a web page made.
    Forbidden,
    /// A path that exists, asked with another method.
    MethodNotAllowed,
    /// A body without a plain `Content-Length`.
    LengthRequired,
    /// A request or a record over its limit.
    TooLarge,
    /// A body that doesn't call itself `application/json`.
    UnsupportedMediaType,
    /// An HTTP head over its limit.
    HeadersTooLarge,
    /// An HTTP method that doesn't exist here.
    NotImplemented,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    VersionNotSupported,
    /// The registry is at `--max-bytes`.
    Full,
    /// The request can't be taken now; asking again may help.
    Unavailable,
    /// A fault of the registry itself.
    Internal,
}

impl Code {
    /// The code as it stands in a reply's `"code"`.
    pub fn text(self) -> &'static str {
        match self {
            Code::InvalidRequest => "invalid_request",
            Code::UnknownAction => "unknown_action",
            Code::NotFound => "not_found",
            Code::Forbidden => "forbidden",
            Code::MethodNotAllowed => "method_not_allowed",
            Code::LengthRequired => "length_required",
            Code::TooLarge => "too_large",
            Code::UnsupportedMediaType => "unsupported_media_type",
            Code::HeadersTooLarge => "headers_too_large",
            Code::NotImplemented => "not_implemented",
            Code::VersionNotSupported => "version_not_supported",
            Code::Full => "full",
            Code::Unavailable => "unavailable",
            Code::Internal => "internal",
        }
    }

    /// Whether the request itself was at fault. To ask for an agent that isn't there is no fault.
    pub fn is_bad_request(self) -> bool {
        !matches!(self, Code::NotFound | Code::Full | Code::Unavailable | Code::Internal)
    }

    /// The HTTP status (RFC 9110, section 15) and its reason phrase.
    pub fn http(self) -> (u16, &'static str) {
        match self {
            Code::InvalidRequest | Code::UnknownAction => (400, "Bad Request"),
            Code::NotFound => (404, "Not Found"),
            Code::Forbidden => (403, "Forbidden"),
            Code::MethodNotAllowed => (405, "Method Not Allowed"),
            Code::LengthRequired => (411, "Length Required"),
            Code::TooLarge => (413, "Content Too Large"),
            Code::UnsupportedMediaType => (415, "Unsupported Media Type"),
            Code::HeadersTooLarge => (431, "Request Header Fields Too Large"),
            Code::NotImplemented => (501, "Not Implemented"),
            Code::VersionNotSupported => (505, "HTTP Version Not Supported"),
            Code::Full => (507, "Insufficient Storage"),
            Code::Unavailable => (503, "Service Unavailable"),
            Code::Internal => (500, "Internal Server Error"),
        }
    }
}
