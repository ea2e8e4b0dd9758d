//! Encryption below a connection to Redis (`rediss://`): whom we trust and who we are, read from files, and a stream over TCP
//! that passes on what the socket says: also that nothing is there. Built with the cargo feature `tls` only. Knows hosts and
//! certificates, and not a byte of what is said.

use std::fmt::Display;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    AlertDescription as Alert, CertificateError, ClientConfig, ClientConnection, Error, RootCertStore,
};

use super::socket::Encrypted;
use super::{Failure, TlsFiles};
use crate::quote::shown;

/// How many names of a certificate are told to a person.
const NAMES_SHOWN: usize = 4;

/// Whom we trust and who we are.
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Reads the files anew, so that certificates may be renewed while the registry runs.
    pub fn read(files: &TlsFiles) -> Result<Tls, Failure> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::Io(error.to_string()))?
            .with_root_certificates(match &files.ca {
                Some(path) => only(path)?,
                None => of_the_system()?,
            });
        let mut config = match &files.own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificates("certificate", certificate)?, private_key(key)?)
                .map_err(|error| unusable(certificate, key, &error))?,
        };
        // A session is kept by host without its port, and would save a millisecond of a few connections.
        config.resumption = Resumption::disabled();
        Ok(Tls(Arc::new(config)))
    }

    /// Shakes hands over `tcp` until `end`; the server's certificate must be for `host`, a name or an address.
    pub(super) fn over(&self, tcp: TcpStream, host: &str, end: Instant) -> io::Result<Box<dyn Encrypted>> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| told(format!("no certificate can be for {}", shown(host))))?;
        let tls = ClientConnection::new(Arc::clone(&self.0), name).map_err(|error| told(why(&error)))?;
        let mut stream = Stream { tls, tcp };
        stream.shake_hands(end)?;
        Ok(Box::new(stream))
    }
}

fn only(path: &Path) -> Result<RootCertStore, Failure> {
    let mut trusted = RootCertStore::empty();
    for certificate in certificates("CA", path)? {
        trusted.add(certificate).map_err(|error| file("CA", path, &error))?;
    }
    Ok(trusted)
}

fn of_the_system() -> Result<RootCertStore, Failure> {
    let mut trusted = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    trusted.add_parsable_certificates(found.certs);
    if trusted.is_empty() {
        let why = found.errors.first().map_or("there are none".into(), |error| error.to_string());
        return Err(Failure::Io(format!("the system's CAs: {why}")));
    }
    Ok(trusted)
}

fn certificates(what: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => {
            Err(file(what, path, &"it holds no certificate in PEM"))
        }
        Ok(certificates) => Ok(certificates),
        Err(pem::Error::Io(error)) => Err(file(what, path, &error)),
        Err(_) => Err(file(what, path, &"it is not in PEM")),
    }
}

/// The reader's own errors may show a line of the file.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Failure> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        pem::Error::Io(error) => file("key", path, &error),
        _ => file("key", path, &"it holds no private key in PEM without a password"),
    })
}

fn unusable(certificate: &Path, key: &Path, error: &Error) -> Failure {
    match error {
        Error::InconsistentKeys(_) => {
            file("key", key, &format!("it is not that of the certificate in {}", certificate.display()))
        }
        Error::InvalidCertificate(_) => file("certificate", certificate, error),
        _ => file("key", key, error),
    }
}

fn file(what: &str, path: &Path, why: &dyn Display) -> Failure {
    Failure::Io(format!("the {what} file {}: {why}", path.display()))
}

/// A connection whose hands are shaken.
struct Stream {
    tls: ClientConnection,
    tcp: TcpStream,
}

impl Stream {
    fn shake_hands(&mut self, end: Instant) -> io::Result<()> {
        while self.tls.is_handshaking() || self.tls.wants_write() {
            let left = Some(end.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero());
            self.tcp.set_read_timeout(Some(left.ok_or_else(silent)?))?;
            self.tcp.set_write_timeout(left)?;
            match if self.tls.wants_write() { self.tls.write_tls(&mut self.tcp) } else { self.receive() } {
                Ok(0) => return Err(told("it closed the connection during the TLS handshake")),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(silent()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads once from the socket, and decrypts what is whole; 0 is its end.
    fn receive(&mut self) -> io::Result<usize> {
        let read = self.tls.read_tls(&mut self.tcp)?;
        match self.tls.process_new_packets() {
            Ok(_) => Ok(read),
            Err(error) => {
                // The server is told as well, should it listen.
                let _ = self.tls.write_tls(&mut self.tcp);
                Err(told(why(&error)))
            }
        }
    }
}

/// Whoever reads until [`WouldBlock`](ErrorKind::WouldBlock) has had all that came: nothing decrypted is left then that the
/// socket, when it is polled, would not tell of.
impl Read for Stream {
    /// [`Interrupted`](ErrorKind::Interrupted) says that something came, and was not yet a whole record: read on.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self.tls.reader().read(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            read => return read,
        }
        self.receive()?;
        self.tls.reader().read(bytes).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => ErrorKind::Interrupted.into(),
            _ => error,
        })
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.tls.writer().write(bytes)?;
        self.flush()?;
        Ok(taken)
    }

    /// What was taken must not be taken again, so an interruption ends here.
    fn flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.tcp) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                sent => drop(sent?),
            }
        }
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }
}

/// An error with a text for a person.
fn told(text: impl Into<String>) -> io::Error {
    io::Error::other(text.into())
}

fn silent() -> io::Error {
    told("no answer by TLS in time: it hangs, or speaks no TLS on this port")
}

/// What went wrong, for a person.
fn why(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => format!("its certificate {}", fault(error)),
        Error::InvalidMessage(_) => "it speaks no TLS on this port".into(),
        Error::PeerIncompatible(_) | Error::AlertReceived(Alert::ProtocolVersion) => {
            "it speaks neither TLS 1.2 nor 1.3 as we do".into()
        }
        Error::AlertReceived(alert) => refusal(*alert),
        error => format!("TLS failed: {error}"),
    }
}

fn refusal(alert: Alert) -> String {
    match alert {
        Alert::CertificateRequired => "it wants a client certificate".into(),
        Alert::HandshakeFailure => {
            "it ended the TLS handshake: it may want a client certificate, or no cipher is common".into()
        }
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied
        | Alert::DecryptError => format!("it doesn't accept our client certificate ({alert:?})"),
        alert => format!("it ended TLS with an alert ({alert:?})"),
    }
}

fn fault(error: &CertificateError) -> String {
    match error {
        CertificateError::ExpiredContext { not_after, .. } => format!("expired on {}", day(*not_after)),
        CertificateError::NotValidYetContext { time, not_before } => {
            format!("is not valid before {}, and by our clock it is {}", day(*not_before), day(*time))
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "was issued by no CA that is trusted here".into()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            format!("is for {}, not for {}", names(presented), shown(&expected.to_str()))
        }
        CertificateError::InvalidPurposeContext { .. } => "is not one for servers".into(),
        // The verifier's own errors come as texts.
        CertificateError::Other(other) => match other.to_string().as_str() {
            "CaUsedAsEndEntity" => "is a CA's own, and must be one that the CA issued".into(),
            "UnsupportedCertVersion" => "is of X.509 version 1, and must be of 3".into(),
            other => format!("is not accepted: {other}"),
        },
        error => format!("is not accepted: {error}"),
    }
}

fn day(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    time::OffsetDateTime::from_unix_timestamp(seconds)
        .map_or("a day beyond the calendar".into(), |moment| moment.date().to_string())
}

/// The hosts among a certificate's names, which come as `DnsName("host")` and `IpAddress(::1)`.
fn names(presented: &[String]) -> String {
    let hosts = presented.iter().filter_map(|name| {
        let inner = name.strip_prefix("DnsName(\"").and_then(|name| name.strip_suffix("\")"));
        inner.or_else(|| name.strip_prefix("IpAddress(")?.strip_suffix(')')).map(shown)
    });
    let mut hosts: Vec<String> = hosts.collect();
    if hosts.is_empty() {
        return "no host (no subjectAltName)".into();
    }
    if hosts.len() > NAMES_SHOWN {
        hosts.truncate(NAMES_SHOWN);
        hosts.push("others".into());
    }
    hosts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
    }

    fn for_names(presented: &[&str]) -> Error {
        let expected = ServerName::try_from("h").expect("a name");
        let presented = presented.iter().map(|name| (*name).to_owned()).collect();
        Error::InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented })
    }

    /// What no server of the tests from outside does.
    #[test]
    fn a_person_is_told_what_is_wrong() {
        let (time, not_before) = (seconds(86_400), seconds(2 * 86_400));
        let early = CertificateError::NotValidYetContext { time, not_before };
        let names = ["DnsName(\"*.a\")", "IpAddress(::1)", "DnsName(\"b\u{7}\")", "DirectoryName"];
        let many: Vec<String> = (0..9).map(|n| format!("DnsName(\"{n}\")")).collect();
        for (error, text) in [
            (
                Error::InvalidCertificate(early),
                "its certificate is not valid before 1970-01-03, and by our clock it is 1970-01-02",
            ),
            (for_names(&names), "its certificate is for *.a, ::1, b\\u{7}, not for h"),
            (for_names(&[]), "its certificate is for no host (no subjectAltName), not for h"),
            (
                for_names(&many.iter().map(String::as_str).collect::<Vec<_>>()),
                "its certificate is for 0, 1, 2, 3, others, not for h",
            ),
            (Error::AlertReceived(Alert::ProtocolVersion), "it speaks neither TLS 1.2 nor 1.3 as we do"),
            (Error::AlertReceived(Alert::InternalError), "it ended TLS with an alert (InternalError)"),
            (Error::DecryptError, "TLS failed: cannot decrypt peer's message"),
        ] {
            assert_eq!(why(&error), text);
        }
    }
}
