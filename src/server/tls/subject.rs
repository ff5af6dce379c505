//! The subject of a certificate as text (RFC 4514).

use std::fmt::Write;
use x509_parser::der_parser::asn1_rs::{Any, Tag, ToDer};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// The longest text, in bytes. A subject that needs more is no one's: cut off, it could be another's.
const LONGEST: usize = 2048;

/// Attributes that have a short name: RFC 4514 section 3, RFC 4519 section 2, and RFC 2985 section 5.2.1.
const SHORT: [(&str, &str); 14] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.42", "givenName"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// A subject has no text of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoText {
    /// It has no attributes: the certificate is somebody's, but does not say whose here.
    Empty,
    /// It is too long, or broken.
    Unusable,
}

/// The text of a name: the last of its parts first, visible ASCII alone. Every other byte of UTF-8 is written as `\xx`,
/// so that two names with the same text are the same name, and nothing can be slipped into what it is written into.
pub(super) fn text(name: &X509Name<'_>) -> Result<Box<str>, NoText> {
    let parts: Vec<_> = name.iter_rdn().collect();
    if parts.is_empty() {
        return Err(NoText::Empty);
    }
    let mut out = String::new();
    for (place, part) in parts.into_iter().rev().enumerate() {
        for (inner, attribute) in part.iter().enumerate() {
            match (place, inner) {
                (0, 0) => {}
                (_, 0) => out.push(','),
                _ => out.push('+'),
            }
            write_attribute(attribute, &mut out)?;
            if out.len() > LONGEST {
                return Err(NoText::Unusable);
            }
        }
    }
    Ok(out.into_boxed_str())
}

fn write_attribute(attribute: &AttributeTypeAndValue<'_>, out: &mut String) -> Result<(), NoText> {
    let oid = attribute.attr_type().to_id_string();
    let short = SHORT.iter().find(|(known, _)| *known == oid).map(|(_, short)| *short);
    out.push_str(short.unwrap_or(&oid));
    out.push('=');
    match short.and_then(|_| characters(attribute.attr_value())) {
        Some(characters) => escape(&characters, out),
        // Section 2.4: what has no characters, or a type that readers may not know, is written as its bytes.
        None => {
            out.push('#');
            let der = attribute.attr_value().to_der_vec().map_err(|_| NoText::Unusable)?;
            if der.len() > LONGEST {
                return Err(NoText::Unusable);
            }
            for byte in der {
                let _ = write!(out, "{byte:02x}");
            }
        }
    }
    Ok(())
}

/// The characters of a string, where its type leaves no doubt which they are.
fn characters(value: &Any<'_>) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => std::str::from_utf8(value.data).ok().map(str::to_owned),
        Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            value.data.is_ascii().then(|| std::str::from_utf8(value.data).ok().map(str::to_owned)).flatten()
        }
        Tag::BmpString => {
            let (units, rest) = value.data.as_chunks::<2>();
            rest.is_empty()
                .then(|| {
                    String::from_utf16(
                        &units.iter().map(|unit| u16::from_be_bytes(*unit)).collect::<Vec<_>>(),
                    )
                    .ok()
                })
                .flatten()
        }
        _ => None,
    }
}

/// Section 2.4. A space at either end is written as `\20`, because what reads a field of HTTP takes spaces from its
/// ends.
fn escape(value: &str, out: &mut String) {
    let last = value.len().saturating_sub(1);
    for (place, byte) in value.bytes().enumerate() {
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b'#' if place == 0 => out.push_str("\\#"),
            b' ' if place != 0 && place != last => out.push(' '),
            0x21..=0x7e => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::string::BmpString;
    use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair};
    use x509_parser::prelude::{FromDer, X509Certificate};

    fn told(name: DistinguishedName) -> Result<Box<str>, NoText> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = name;
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let (_, certificate) = X509Certificate::from_der(certificate.der()).unwrap();
        text(certificate.subject())
    }

    fn common(name: &str) -> String {
        let mut names = DistinguishedName::new();
        names.push(DnType::CommonName, name);
        told(names).unwrap().into()
    }

    #[test]
    fn the_last_part_comes_first() {
        let mut name = DistinguishedName::new();
        name.push(DnType::CountryName, "DE");
        name.push(DnType::OrganizationName, "Example, Inc.");
        name.push(DnType::CommonName, DnValue::BmpString(BmpString::try_from("Jürgen").unwrap()));
        assert_eq!(told(name).unwrap().as_ref(), "CN=J\\C3\\BCrgen,O=Example\\, Inc.,C=DE");
    }

    #[test]
    fn what_could_be_misread_is_escaped() {
        for (name, expected) in [
            ("alice", "CN=alice"),
            ("a,O=admin", "CN=a\\,O=admin"),
            (" a b ", "CN=\\20a b\\20"),
            (" ", "CN=\\20"),
            ("#a#", "CN=\\#a#"),
            ("a\r\nX: y", "CN=a\\0D\\0AX: y"),
            ("\"+;<>\\=", "CN=\\\"\\+\\;\\<\\>\\\\="),
            ("\u{7f}\0", "CN=\\7F\\00"),
            ("", "CN="),
        ] {
            assert_eq!(common(name), expected, "{name:?}");
        }
    }

    #[test]
    fn an_unknown_attribute_is_written_as_its_bytes() {
        let mut name = DistinguishedName::new();
        name.push(DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 99999, 1]), DnValue::Utf8String("ab".into()));
        assert_eq!(told(name).unwrap().as_ref(), "1.3.6.1.4.1.99999.1=#0c026162");
    }

    #[test]
    fn nobody_and_somebody_too_long_have_no_text() {
        assert_eq!(told(DistinguishedName::new()), Err(NoText::Empty));
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, "x".repeat(3000));
        assert_eq!(told(name), Err(NoText::Unusable));
    }

    /// Section 3: the way back.
    fn unescaped(text: &str) -> Vec<u8> {
        let mut bytes = text.bytes();
        let mut out = Vec::new();
        while let Some(byte) = bytes.next() {
            if byte != b'\\' {
                out.push(byte);
                continue;
            }
            let next = bytes.next().unwrap();
            let digit = |byte: u8| char::from(byte).to_digit(16);
            match digit(next) {
                Some(high) => out.push((high * 16 + digit(bytes.next().unwrap()).unwrap()) as u8),
                None => out.push(next),
            }
        }
        out
    }

    proptest! {
        #[test]
        fn a_value_is_visible_and_can_be_read_back(value in "\\PC{0,40}|[ -~]{0,40}|[\\x00-\\x7f]{0,20}") {
            let mut out = String::new();
            escape(&value, &mut out);
            prop_assert!(out.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{out:?}");
            prop_assert!(!out.starts_with(' ') && !out.ends_with(' '));
            prop_assert_eq!(unescaped(&out), value.into_bytes());
        }
    }
}
