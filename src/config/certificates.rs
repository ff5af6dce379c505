//! What certificates say of themselves, as far as an operator should hear of it in time.

use super::read::Value;
use crate::clock::UnixSeconds;
use rustls_pki_types::CertificateDer;
use std::net::IpAddr;
use tokio_rustls::rustls::SignatureAlgorithm;
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};

/// A certificate that expires sooner is worth a warning.
const SOON: i64 = 30 * 86_400;

/// The leaf of a chain, and the key that belongs to it.
pub(super) struct Leaf {
    /// Names and addresses it was issued for (RFC 5280 section 4.2.1.6), in lower case.
    pub(super) names: Vec<String>,
    /// The type of its key.
    pub(super) algorithm: SignatureAlgorithm,
}

impl Leaf {
    /// What `chain` says; none where it cannot be parsed, which is left to the handshake.
    pub(super) fn of(chain: &[CertificateDer<'_>], algorithm: SignatureAlgorithm) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(chain.first()?).ok()?;
        let extensions = certificate.extensions().iter().map(|extension| extension.parsed_extension());
        let names = extensions.filter_map(|parsed| match parsed {
            ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
            _ => None,
        });
        Some(Self { names: names.flatten().filter_map(name).collect(), algorithm })
    }

    /// The first name that both hold, if their keys are of one type.
    pub(super) fn rivals<'l>(&'l self, other: &Self) -> Option<&'l str> {
        let shared = self.names.iter().find(|name| other.names.contains(name));
        shared.filter(|_| self.algorithm == other.algorithm).map(String::as_str)
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from))
                .ok()
                .map(|address| address.to_string())
        }
        _ => None,
    }
}

/// Warns of the certificate in a file that expires first, if that is soon or was; `consequence` says what comes of it.
pub(super) fn warn_of_expiry(value: &Value<'_>, certificates: &[CertificateDer<'_>], consequence: &str) {
    let expiry = |der: &CertificateDer<'_>| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(certificate.validity().not_after.timestamp())
    };
    let Some(first) = certificates.iter().filter_map(expiry).min() else { return };
    let UnixSeconds(now) = value.document().now;
    let left = first.saturating_sub(i64::try_from(now).unwrap_or(i64::MAX));
    let verb = match left {
        ..0 => "expired",
        0..SOON => "expires",
        _ => return,
    };
    value.warn(&format!("{verb} on {}", date(first)), consequence);
}

/// The day in UTC.
fn date(seconds: i64) -> String {
    let told = jiff::Timestamp::from_second(seconds).map(|moment| moment.strftime("%Y-%m-%d").to_string());
    told.unwrap_or_else(|_| "a day out of reach".into())
}
