//! Where Redis is, and who we are there: the text of a URL in, its checked parts out. Pure. Never connects and never
//! resolves, and gives no text that shows a user or a password: neither what is printed of a URL nor what is wrong with it.
//!
//! Stricter than the libraries that read such URLs. What they pass over, a misspelt option for one, is a fault here.

mod wrong;

use std::fmt::{self, Display, Formatter};
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

pub use wrong::Wrong;

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;
/// The highest number of a database. Redis has 16, and as many as its configuration says.
const MAX_DB: u32 = 65_535;
/// The longest path of a Unix socket, in bytes: the system's `sun_path` without its end.
const MAX_PATH: usize = 107;
/// The longest host name, in bytes: that of DNS.
const MAX_HOST: usize = 253;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being shown.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for whoever has to send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

/// A checked URL. It is shown without users, passwords and what else was an option.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// Where to connect to.
    pub place: Place,
    /// Who signs in; without one the password is the default user's.
    pub user: Option<String>,
    /// The password for Redis.
    pub password: Option<Secret>,
    /// The number of the database.
    pub db: u32,
    /// Whether connections are encrypted.
    pub tls: bool,
}

/// Where to connect to.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// A server that listens on TCP.
    Tcp(Endpoint),
    /// A server that listens on a Unix socket.
    Unix(PathBuf),
    /// Whichever server Sentinel says is the master.
    Sentinel {
        /// Whom to ask, in this order.
        sentinels: Vec<Endpoint>,
        /// What they call the servers that belong together.
        service: String,
        /// Who signs in to the sentinels.
        user: Option<String>,
        /// The password for the sentinels.
        password: Option<Secret>,
    },
}

/// A host and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address, an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl Url {
    /// Checks `text` and takes it apart.
    pub fn parse(text: &str) -> Result<Url, Wrong> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Wrong::BLANK);
        }
        let (scheme, rest) = text.split_once("://").ok_or(Wrong::SCHEME)?;
        // What follows a # never reaches a server: it is a password that was cut, if anything.
        if rest.contains('#') {
            return Err(Wrong::RESERVED);
        }
        let scheme = scheme.to_ascii_lowercase();
        let tls = scheme.starts_with("rediss") || scheme.starts_with("valkeys");
        let url = match scheme.as_str() {
            "redis" | "valkey" | "rediss" | "valkeys" => tcp(rest)?,
            "redis+unix" | "valkey+unix" | "unix" => unix(rest)?,
            "redis+sentinel" | "valkey+sentinel" | "rediss+sentinel" | "valkeys+sentinel" => sentinel(rest)?,
            _ => return Err(Wrong::SCHEME),
        };
        let url = Url { tls, ..url };
        if tls && !cfg!(feature = "tls") { Err(Wrong::NO_TLS) } else { Ok(url) }
    }
}

fn tcp(rest: &str) -> Result<Url, Wrong> {
    let Parts { user, password, hosts, path, query } = Parts::of(rest)?;
    let [] = options(query, [], Wrong::NO_OPTIONS)?;
    Ok(Url { place: Place::Tcp(endpoint(hosts, PORT)?), user, password, db: db_of_path(path)?, tls: false })
}

fn unix(rest: &str) -> Result<Url, Wrong> {
    let (path, query) = split(rest, '?');
    // Options that lost their ? would be a part of the path, and shown.
    if path.contains(['&', '=']) {
        return Err(Wrong::UNIX_OPTIONS);
    }
    let path = decoded(path)?;
    let fits = path.len() > 1 && path.len() <= MAX_PATH && path.starts_with('/') && !path.ends_with('/');
    if !fits || path.chars().any(char::is_control) {
        return Err(Wrong::PATH);
    }
    let [number, user, pass] = options(query, ["db", "user", "pass"], Wrong::UNIX_OPTIONS)?;
    Ok(Url {
        place: Place::Unix(path.into()),
        user: user.map(filled).transpose()?,
        password: pass.map(filled).transpose()?.map(Secret),
        db: number.map_or(Ok(0), |number| db(&number))?,
        tls: false,
    })
}

fn sentinel(rest: &str) -> Result<Url, Wrong> {
    let Parts { user, password, hosts, path, query } = Parts::of(rest)?;
    let sentinels = hosts.split(',').map(|host| endpoint(host, SENTINEL_PORT)).collect::<Result<_, _>>()?;
    let (service, number) = path.split_once('/').unwrap_or((path, ""));
    // The characters that sentinel.conf allows.
    if service.is_empty()
        || !service.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    {
        return Err(Wrong::SERVICE);
    }
    let known = ["sentinel_username", "sentinel_password"];
    let [own_user, own_password] = options(query, known, Wrong::SENTINEL_OPTIONS)?;
    if own_user.is_some() && own_password.is_none() {
        return Err(Wrong::SENTINEL_USER);
    }
    let place = Place::Sentinel {
        sentinels,
        service: service.to_owned(),
        user: own_user.map(filled).transpose()?,
        password: own_password.map(filled).transpose()?.map(Secret),
    };
    Ok(Url { place, user, password, db: db_of_path(number)?, tls: false })
}

/// What follows the scheme where hosts are named.
struct Parts<'a> {
    user: Option<String>,
    password: Option<Secret>,
    hosts: &'a str,
    /// Without the slash in front.
    path: &'a str,
    query: Option<&'a str>,
}

impl Parts<'_> {
    fn of(rest: &str) -> Result<Parts<'_>, Wrong> {
        let (before, query) = split(rest, '?');
        let (authority, path) = before.split_once('/').unwrap_or((before, ""));
        // A password with a slash or a question mark in it would end where it doesn't: the @ behind it tells.
        if path.contains('@') || query.is_some_and(|query| query.contains('@')) {
            return Err(Wrong::RESERVED);
        }
        let Some((own, hosts)) = authority.rsplit_once('@') else {
            return Ok(Parts { user: None, password: None, hosts: authority, path, query });
        };
        let (user, password) = split(own, ':');
        let user = if user.is_empty() && password.is_some() { None } else { Some(filled(decoded(user)?)?) };
        let password = password.map(|password| filled(decoded(password)?).map(Secret)).transpose()?;
        Ok(Parts { user, password, hosts, path, query })
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

fn filled(text: String) -> Result<String, Wrong> {
    if text.is_empty() { Err(Wrong::EMPTY) } else { Ok(text) }
}

/// The values of the `known` options, in their order; any other one, and one that comes twice, is `wrong`.
fn options<const N: usize>(
    query: Option<&str>,
    known: [&str; N],
    wrong: Wrong,
) -> Result<[Option<String>; N], Wrong> {
    let mut values = [const { None }; N];
    for option in query.into_iter().flat_map(|query| query.split('&')) {
        let (name, value) = option.split_once('=').ok_or(wrong)?;
        let place = known.iter().position(|known| *known == name).ok_or(wrong)?;
        if values[place].replace(decoded(value)?).is_some() {
            return Err(wrong);
        }
    }
    Ok(values)
}

fn endpoint(text: &str, default_port: u16) -> Result<Endpoint, Wrong> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(text) => {
            let (address, rest) = text.split_once(']').ok_or(Wrong::HOST)?;
            (address.parse::<Ipv6Addr>().map_err(|_| Wrong::HOST)?.to_string(), rest)
        }
        None => {
            let (name, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
            if !plain || name.is_empty() || name.len() > MAX_HOST || rest.matches(':').count() > 1 {
                return Err(Wrong::HOST);
            }
            (name.to_owned(), rest)
        }
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) => number(digits).and_then(|port| port.try_into().ok()).filter(|port| *port != 0),
        None => rest.is_empty().then_some(default_port),
    };
    Ok(Endpoint { host, port: port.ok_or(Wrong::PORT)? })
}

fn db_of_path(path: &str) -> Result<u32, Wrong> {
    if path.is_empty() { Ok(0) } else { db(path) }
}

fn db(text: &str) -> Result<u32, Wrong> {
    number(text).filter(|db| *db <= MAX_DB).ok_or(Wrong::DB)
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `text` with its `%XX` replaced by what they stand for.
fn decoded(text: &str) -> Result<String, Wrong> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).ok_or(Wrong::PERCENT)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Wrong::PERCENT);
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| Wrong::PERCENT)?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| Wrong::NOT_UTF_8)
}

/// As much of a path as can't be mistaken for anything else stays as it is.
fn encoded(path: &Path) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/.-_~@:+,".contains(byte);
    let encode = |byte: &u8| if plain(byte) { char::from(*byte).into() } else { format!("%{byte:02X}") };
    path.as_os_str().as_encoded_bytes().iter().map(encode).collect()
}

impl Display for Url {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let (scheme, db) = (if self.tls { "rediss" } else { "redis" }, self.db);
        match &self.place {
            Place::Tcp(endpoint) => write!(formatter, "{scheme}://{endpoint}/{db}"),
            Place::Unix(path) if db == 0 => write!(formatter, "redis+unix://{}", encoded(path)),
            Place::Unix(path) => write!(formatter, "redis+unix://{}?db={db}", encoded(path)),
            Place::Sentinel { sentinels, service, .. } => {
                let sentinels: Vec<String> = sentinels.iter().map(Endpoint::to_string).collect();
                write!(formatter, "{scheme}+sentinel://{}/{service}/{db}", sentinels.join(","))
            }
        }
    }
}

/// As it is shown: a user's name is nobody's business either, and some take it for the password.
impl fmt::Debug for Url {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "Url({self})")
    }
}

/// Without who we are there, as well.
impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Place::Tcp(endpoint) => write!(formatter, "Tcp({endpoint})"),
            Place::Unix(path) => write!(formatter, "Unix({})", encoded(path)),
            Place::Sentinel { sentinels, service, .. } => {
                write!(formatter, "Sentinel({sentinels:?}, {service})")
            }
        }
    }
}

impl Display for Endpoint {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Endpoint { host, port } = self;
        if host.contains(':') {
            write!(formatter, "[{host}]:{port}")
        } else {
            write!(formatter, "{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"))
    }

    fn secrets(url: &Url) -> (Option<&str>, Option<&str>) {
        (url.user.as_deref(), url.password.as_ref().map(Secret::expose))
    }

    #[test]
    fn what_is_shown_is_the_place_and_nothing_else() {
        for (text, shown) in [
            ("redis://localhost", "redis://localhost:6379/0"),
            ("redis://localhost/", "redis://localhost:6379/0"),
            ("valkey://h:1/15", "redis://h:1/15"),
            ("REDIS://u:p@Redis.example", "redis://Redis.example:6379/0"),
            ("redis://[::1]/2", "redis://[::1]:6379/2"),
            ("redis://:p@[2001:DB8:0::1]:7", "redis://[2001:db8::1]:7/0"),
            ("unix:///run/redis.sock", "redis+unix:///run/redis.sock"),
            ("redis+unix:///r/a%3Fb%20%3D?db=1&user=u&pass=p", "redis+unix:///r/a%3Fb%20%3D?db=1"),
            (
                "redis+sentinel://u:p@h1,[::1]:5,h2:1/my-master_1.a?sentinel_username=u&sentinel_password=p",
                "redis+sentinel://h1:26379,[::1]:5,h2:1/my-master_1.a/0",
            ),
            ("redis+sentinel://h/m/3", "redis+sentinel://h:26379/m/3"),
        ] {
            assert_eq!(url(text).to_string(), shown, "{text}");
            assert_eq!(url(shown).to_string(), shown, "{text}");
            assert_eq!(format!("{:?}", url(text)), format!("Url({shown})"));
        }
    }

    #[test]
    fn users_and_passwords_are_decoded_and_the_last_at_sign_ends_them() {
        for (text, expected) in [
            ("redis://h", (None, None)),
            ("redis://u@h", (Some("u"), None)),
            ("redis://:p@h", (None, Some("p"))),
            ("redis://u:p@h", (Some("u"), Some("p"))),
            ("redis://u:p:q@r@h", (Some("u"), Some("p:q@r"))),
            ("redis://u%3A%40:%2F%23%3f%25%C3%A9+@h", (Some("u:@"), Some("/#?%é+"))),
            ("unix:///s?pass=%26%3D@/?&user=u", (Some("u"), Some("&=@/?"))),
            ("redis+sentinel://u:p@h/m", (Some("u"), Some("p"))),
        ] {
            assert_eq!(secrets(&url(text)), expected, "{text}");
        }
        let Place::Sentinel { user, password, .. } =
            url("redis+sentinel://h/m?sentinel_password=%25&sentinel_username=s").place
        else {
            panic!("not a Sentinel")
        };
        assert_eq!((user.as_deref(), password), (Some("s"), Some(Secret::new("%"))));
    }

    #[test]
    fn what_is_wrong_is_told_without_it() {
        let long = format!("unix:///{}", "x".repeat(MAX_PATH));
        for (text, wrong) in [
            ("", Wrong::SCHEME),
            ("localhost:6379", Wrong::SCHEME),
            ("http://h", Wrong::SCHEME),
            ("redis:h", Wrong::SCHEME),
            ("redis+cluster://h", Wrong::SCHEME),
            ("redis://h /0", Wrong::BLANK),
            ("redis://h\n", Wrong::BLANK),
            ("redis://:p\u{a0}@h", Wrong::BLANK),
            ("redis://:p#q@h", Wrong::RESERVED),
            ("redis://h/0#x", Wrong::RESERVED),
            ("redis://:p/q@h", Wrong::RESERVED),
            ("redis://:p?q@h", Wrong::RESERVED),
            ("redis+sentinel://h/m?sentinel_password=p@q", Wrong::RESERVED),
            ("redis://:p%@h", Wrong::PERCENT),
            ("redis://:p%4@h", Wrong::PERCENT),
            ("redis://:%+1@h", Wrong::PERCENT),
            ("redis://:%é1@h", Wrong::PERCENT),
            ("redis://:%FF@h", Wrong::NOT_UTF_8),
            ("redis://@h", Wrong::EMPTY),
            ("redis://:@h", Wrong::EMPTY),
            ("redis://u:@h", Wrong::EMPTY),
            ("unix:///s?pass=", Wrong::EMPTY),
            ("redis+sentinel://h/m?sentinel_password=", Wrong::EMPTY),
            ("redis://", Wrong::HOST),
            ("redis:///0", Wrong::HOST),
            ("redis://:6379", Wrong::HOST),
            ("redis://:p@", Wrong::HOST),
            ("redis://::1", Wrong::HOST),
            ("redis://fe80::1:6379", Wrong::HOST),
            ("redis://[::1", Wrong::HOST),
            ("redis://[localhost]", Wrong::HOST),
            ("redis://[fe80::1%eth0]", Wrong::HOST),
            ("redis://h1,h2", Wrong::HOST),
            ("redis://höst", Wrong::HOST),
            ("redis://h%C3%B6st", Wrong::HOST),
            ("redis+sentinel:///m", Wrong::HOST),
            ("redis+sentinel://h,,i/m", Wrong::HOST),
            ("redis+sentinel://h,/m", Wrong::HOST),
            ("redis://h:", Wrong::PORT),
            ("redis://h:0", Wrong::PORT),
            ("redis://h:65536", Wrong::PORT),
            ("redis://h:+1", Wrong::PORT),
            ("redis://h:4294967297", Wrong::PORT),
            ("redis://[::1]6379", Wrong::PORT),
            ("redis://h/-1", Wrong::DB),
            ("redis://h/65536", Wrong::DB),
            ("redis://h/x", Wrong::DB),
            ("redis://h/0/", Wrong::DB),
            ("redis+sentinel://h/m/x", Wrong::DB),
            ("unix:///s?db=+1", Wrong::DB),
            ("unix:///s?db=", Wrong::DB),
            ("unix://", Wrong::PATH),
            ("unix:///", Wrong::PATH),
            ("unix://run/s", Wrong::PATH),
            ("unix:///run/", Wrong::PATH),
            ("unix:///s%00", Wrong::PATH),
            ("unix://u:p@/s", Wrong::PATH),
            (&long, Wrong::PATH),
            ("redis+sentinel://h", Wrong::SERVICE),
            ("redis+sentinel://h/", Wrong::SERVICE),
            ("redis+sentinel://h//0", Wrong::SERVICE),
            ("redis+sentinel://h/m%20", Wrong::SERVICE),
            ("redis://h?db=1", Wrong::NO_OPTIONS),
            ("redis://h?", Wrong::NO_OPTIONS),
            ("unix:///s?password=p", Wrong::UNIX_OPTIONS),
            ("unix:///s?db=1&db=1", Wrong::UNIX_OPTIONS),
            ("unix:///s?db", Wrong::UNIX_OPTIONS),
            ("unix:///s?db=1&", Wrong::UNIX_OPTIONS),
            ("unix:///s&pass=p", Wrong::UNIX_OPTIONS),
            ("redis+sentinel://h/m?db=1", Wrong::SENTINEL_OPTIONS),
            ("redis+sentinel://h/m?sentinel_username=u", Wrong::SENTINEL_USER),
        ] {
            assert_eq!(Url::parse(text), Err(wrong), "{text:?}");
        }
        assert!(Url::parse(&long[..long.len() - 1]).is_ok(), "{MAX_PATH} bytes");
        assert!(Wrong::DB.0.contains(&MAX_DB.to_string()) && Wrong::PATH.0.contains(&MAX_PATH.to_string()));
    }

    #[test]
    fn tls_needs_a_build_that_has_it() {
        for text in ["rediss://h", "valkeys://h", "rediss+sentinel://h/m"] {
            match Url::parse(text) {
                Ok(url) => assert!(cfg!(feature = "tls") && url.tls && url.to_string().starts_with("rediss")),
                Err(wrong) => assert!(!cfg!(feature = "tls") && wrong == Wrong::NO_TLS, "{text}"),
            }
        }
    }

    #[test]
    fn a_secret_says_that_it_is_one() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some((secret))");
    }

    /// Whatever a URL of these may become, nobody could mistake a secret of these characters for another part of it.
    const SECRET: &str = "[QWXZ!$*~é]{6,12}";

    fn percent_encoded(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02x}")).collect()
    }

    /// Every form of a URL, with passwords wherever there can be one.
    fn with_secrets(one: &str, other: &str) -> [String; 8] {
        [
            format!("redis://:{one}@h"),
            format!("redis://user:{one}@[::1]:7000/1"),
            format!("valkey://u:{one}@h:1/"),
            format!("unix:///run/s?pass={one}"),
            format!("redis+unix:///run/s?user={other}&db=2&pass={one}"),
            format!("redis+sentinel://:{one}@h1,h2/m?sentinel_password={other}"),
            format!("redis+sentinel://h:1/m/1?sentinel_username={other}&sentinel_password={one}"),
            format!("rediss://u:{one}@h/0"),
        ]
    }

    /// All that is ever printed of `text`.
    fn printed(text: &str) -> String {
        match Url::parse(text) {
            Ok(url) => format!("{url} {url:?} {url:#?} {:?} {:?}", url.place, url.password),
            Err(wrong) => format!("{wrong} {wrong:?}"),
        }
    }

    /// Whether four characters of `secret`, in a row, are in `printed`.
    fn is_betrayed(secret: &str, printed: &str) -> bool {
        let characters: Vec<char> = secret.chars().collect();
        characters.windows(4).any(|window| printed.contains(&window.iter().collect::<String>()))
    }

    proptest! {
        #[test]
        fn any_text_is_a_url_or_is_told_what_it_lacks(
            text in prop_oneof![
                any::<String>(),
                "(redis|valkey|rediss|unix|redis\\+unix|redis\\+sentinel)://[a-c0-9é:@/?#%&=.,\\[\\]]{0,24}",
                "unix:///([a-z/.~+?&=@: ]|%[2-7][0-9A-F]|%C3%A9){1,24}(\\?db=[0-9]{1,3})?",
                "redis(\\+sentinel)?://([a-c]:[a-c]@)?[a-c]{1,3}(:[0-9]{1,3})?(,[a-c])?(/[a-c0-9]{1,2}){0,2}",
            ]
        ) {
            if let Ok(url) = Url::parse(&text) {
                let shown = url.to_string();
                prop_assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()), "{shown:?}");
                let again = Url::parse(&shown);
                prop_assert!(again.is_ok(), "{shown} of {text}: {again:?}");
                let again = again.expect("a URL");
                prop_assert_eq!((again.db, again.tls, again.user, again.password), (url.db, url.tls, None, None));
                match (again.place, url.place) {
                    (Place::Sentinel { sentinels, service, user: None, password: None }, Place::Sentinel { sentinels: other, service: name, .. }) => {
                        prop_assert_eq!((sentinels, service), (other, name));
                    }
                    (again, place) => prop_assert_eq!(again, place),
                }
            }
        }

        #[test]
        fn no_secret_is_ever_shown(
            one in SECRET,
            other in SECRET,
            encoded in any::<(bool, bool)>(),
            place in any::<prop::sample::Index>(),
            change in prop_oneof![Just("".to_owned()), "[a-z0-9:/?#@%&=,.+ \\[\\]\\n]"],
        ) {
            let written = |secret: &str, encoded| if encoded { percent_encoded(secret) } else { secret.to_owned() };
            let urls = with_secrets(&written(&one, encoded.0), &written(&other, encoded.1));
            for text in urls {
                let sound = Url::parse(&text);
                prop_assert!(sound.is_ok() || sound == Err(Wrong::NO_TLS), "{text}: {sound:?}");
                let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
                let at = ends[place.index(ends.len())];
                let (before, behind) = text.split_at(at);
                let left_out: String = behind.chars().skip(1).collect();
                for changed in [&text, &format!("{before}{change}{behind}"), &format!("{before}{change}{left_out}"), before] {
                    let printed = printed(changed);
                    for secret in [&one, &other, &percent_encoded(&one), &percent_encoded(&other)] {
                        prop_assert!(!is_betrayed(secret, &printed), "{changed}: {printed}");
                    }
                }
            }
        }
    }
}
