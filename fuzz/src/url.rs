//! The target of Redis's URL: any text is a URL or is told what it lacks, what is shown of a URL leads to the same place, and
//! no password in it is ever shown. What the redis crate takes too, it must take for the same. Never connects.

use redis::{ConnectionAddr, IntoConnectionInfo};

use crate::link::url::{Endpoint, Place, Secret, Url};
use crate::runs;

/// Stands in the input for a password, and for the same with each byte as `%XX`. No URL has either.
const PASSWORD: char = '\u{1C}';
const ENCODED_PASSWORD: char = '\u{1D}';
/// A password that couldn't be mistaken for a part of a host, a service, a number, or a path as it is shown.
const SECRET: &str = "Q!W$X*Z(é!";
/// How many of its characters in a row give it away.
const BETRAYS: usize = 4;
/// The longest text that is tried, in bytes.
const MOST: usize = 4096;

/// Tries one text.
pub fn target(input: &[u8]) {
    let input = runs::expand_to(input, MOST);
    let Ok(text) = std::str::from_utf8(&input) else { return };
    let encoded: String = SECRET.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let text = text.replace(PASSWORD, SECRET).replace(ENCODED_PASSWORD, &encoded);
    match Url::parse(&text) {
        Ok(url) => {
            check_shown(&url);
            check_secret(&format!("{url} {url:?} {url:#?} {:?}", url.place));
            check_as_others_read_it(&text, &url);
        }
        Err(wrong) => {
            assert!(!wrong.to_string().is_empty());
            check_secret(&format!("{wrong} {wrong:?}"));
        }
    }
}

/// What is shown is in one line, and is a URL of the same place and database.
fn check_shown(url: &Url) {
    let shown = url.to_string();
    assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()), "{shown:?}");
    let again = Url::parse(&shown).unwrap_or_else(|wrong| panic!("{shown}: {wrong}"));
    assert_eq!(again.to_string(), shown);
    assert_eq!((again.db, again.tls), (url.db, url.tls));
    assert_eq!(where_it_is(&again.place), where_it_is(&url.place));
    assert_eq!((again.user, again.password), (None, None), "{shown}");
    if let Place::Sentinel { user, password, .. } = &again.place {
        assert_eq!((user, password), (&None, &None), "{shown}");
    }
}

/// Hosts with their ports, and what else there is, but for who we are there.
fn where_it_is(place: &Place) -> (&[Endpoint], &str) {
    match place {
        Place::Tcp(endpoint) => (std::slice::from_ref(endpoint), ""),
        Place::Unix(path) => (&[], path.to_str().unwrap_or_default()),
        Place::Sentinel { sentinels, service, .. } => (sentinels, service),
    }
}

fn check_secret(printed: &str) {
    let secret: Vec<char> = SECRET.chars().collect();
    for part in secret.windows(BETRAYS) {
        let part: String = part.iter().collect();
        assert!(!printed.contains(&part), "{part:?} of the password is in {printed:?}");
    }
}

/// The redis crate is laxer, and knows no Sentinel. It takes a + in an option for a space, as pages do, and leads a path
/// with dots elsewhere.
fn check_as_others_read_it(text: &str, url: &Url) {
    let Ok(theirs) = text.into_connection_info() else { return };
    let settings = theirs.redis_settings();
    let place = match theirs.addr() {
        ConnectionAddr::Tcp(host, port) => Place::Tcp(Endpoint { host: host.clone(), port: *port }),
        ConnectionAddr::Unix(path) => Place::Unix(path.clone()),
        other => panic!("{other:?} of {text}"),
    };
    let has_dots = where_it_is(&url.place).1.split('/').any(|step| step == "." || step == "..");
    if !has_dots {
        assert_eq!(place, url.place, "{text}");
    }
    assert_eq!(settings.db(), i64::from(url.db), "{text}");
    let options = text.split_once('?').map_or("", |(_, options)| options);
    if !options.contains('+') {
        assert_eq!(settings.username(), url.user.as_deref(), "{text}");
        assert_eq!(settings.password(), url.password.as_ref().map(Secret::expose), "{text}");
    }
}
