//! What is wrong with a URL, in words for a person. Each is a fixed text, so none can hold a part of the URL.

use std::error::Error;
use std::fmt::{self, Display, Formatter};

/// What is wrong with a URL, and what is allowed. It holds no part of the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong(pub(super) &'static str);

impl Wrong {
    pub(super) const SCHEME: Wrong = Wrong(
        "it must begin with redis://, rediss://, redis+unix://, redis+sentinel:// or rediss+sentinel://",
    );
    /// Of whatever is for TLS.
    pub const NO_TLS: Wrong = Wrong("this build has no TLS (cargo feature tls)");
    pub(super) const BLANK: Wrong =
        Wrong("it must not hold spaces or control characters (in a password, a space is %20)");
    pub(super) const RESERVED: Wrong =
        Wrong("in a user or a password, write # as %23, / as %2F, ? as %3F and @ as %40");
    pub(super) const PERCENT: Wrong =
        Wrong("a % must be followed by two hexadecimal digits (a % itself is %25)");
    pub(super) const NOT_UTF_8: Wrong = Wrong("what its %XX stand for must be UTF-8");
    pub(super) const EMPTY: Wrong = Wrong("it has an empty user or password; leave it out instead");
    pub(super) const HOST: Wrong = Wrong(
        "it must name a host by ASCII letters, digits and .-_, or by an IPv6 address in brackets, [::1]:6379",
    );
    pub(super) const PORT: Wrong = Wrong("a port in it must be a number from 1 to 65535");
    pub(super) const DB: Wrong = Wrong("its database must be a number from 0 to 65535");
    pub(super) const PATH: Wrong = Wrong(
        "a Unix socket needs an absolute path of at most 107 bytes, redis+unix:///run/redis.sock (user and password \
         are ?user= and &pass=)",
    );
    pub(super) const SERVICE: Wrong = Wrong(
        "Sentinel needs the name of a service, of ASCII letters, digits and .-_, redis+sentinel://host/name",
    );
    pub(super) const NO_OPTIONS: Wrong = Wrong("redis:// and rediss:// take no options (what follows a ?)");
    pub(super) const UNIX_OPTIONS: Wrong = Wrong(
        "behind a ? its options can be db, user and pass, each at most once (in a path, write & as %26 and = as %3D)",
    );
    pub(super) const SENTINEL_OPTIONS: Wrong =
        Wrong("behind a ? its options can be sentinel_username and sentinel_password, each at most once");
    pub(super) const SENTINEL_USER: Wrong = Wrong("sentinel_username needs sentinel_password");
}

impl Display for Wrong {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl Error for Wrong {}
