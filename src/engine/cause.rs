//! Why no connection came about, in words that an operator can do something about.

use super::upstream::ConnectError;
use std::io;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error as TlsError, InvalidMessage};

impl ConnectError {
    /// What to look at: the node, the way there, or its certificate.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::Tcp(error) => system(error),
            Self::TimedOut => "connection timed out".to_owned(),
            Self::Tls(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(error) => tls(error),
                None if error.kind() == io::ErrorKind::UnexpectedEof => {
                    "the connection was closed in the TLS handshake".to_owned()
                }
                None => format!("{} in the TLS handshake", system(error)),
            },
        }
    }
}

/// The operating system's words, without its number.
fn system(error: &io::Error) -> String {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable, TimedOut};
    let words = match error.kind() {
        ConnectionRefused => "connection refused",
        ConnectionReset => "connection reset",
        HostUnreachable => "no route to host",
        NetworkUnreachable => "no route to the network",
        TimedOut => "connection timed out",
        _ => {
            let text = error.to_string();
            return text.split(" (os error ").next().unwrap_or_default().to_owned();
        }
    };
    words.to_owned()
}

fn tls(error: &TlsError) -> String {
    use AlertDescription::{HandshakeFailure, InsufficientSecurity, ProtocolVersion};
    match error {
        TlsError::PeerIncompatible(_)
        | TlsError::AlertReceived(HandshakeFailure | InsufficientSecurity | ProtocolVersion) => {
            "no common TLS version or cipher".to_owned()
        }
        TlsError::AlertReceived(alert) => format!("the node refused the TLS handshake: {alert:?}"),
        TlsError::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => "TLS towards a port that does not speak it".to_owned(),
        TlsError::InvalidCertificate(error) => certificate(error),
        other => format!("the TLS handshake failed: {other}"),
    }
}

fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "the certificate is not trusted: unknown issuer".to_owned(),
        CertificateError::BadSignature => {
            "the certificate is not trusted: another key than the issuer's has signed it".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet".to_owned()
        }
        CertificateError::Revoked => "the certificate is revoked".to_owned(),
        CertificateError::NotValidForNameContext { expected, .. } => {
            format!("the certificate is not for {}", expected.to_str())
        }
        CertificateError::NotValidForName => "the certificate is not for the server_name".to_owned(),
        other => format!("the certificate is not trusted: {other}"),
    }
}

#[cfg(test)]
mod tests;
