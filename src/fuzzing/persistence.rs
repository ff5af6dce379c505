//! Cookies, and what kind of client sent a request.

use crate::clock::UnixSeconds;
use crate::id::NodeTag;
use crate::persistence::client_class::{ClassFacts, ClientClass, Why, classify};
use crate::persistence::cookie::{CookieCodec, CookieReading, CookieRefusal, Ticket, VALUE_LENGTH};
use crate::persistence::keys::KeyRing;
use crate::persistence::settings::{CookieSettings, SameSite, Secure};
use std::sync::{Arc, LazyLock};

const NAME: &str = "EDGE";
const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
const IDLE: u64 = 3_600;
const KEYS: &str = "01234567 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= 2026-01-01T00:00:00Z\n";

static CODEC: LazyLock<CookieCodec> = LazyLock::new(|| {
    let keys = Arc::new(KeyRing::parse(KEYS).expect("a key"));
    let settings = CookieSettings {
        name: NAME.into(),
        secure: Secure::Auto,
        http_only: true,
        same_site: SameSite::Lax,
        domain: None,
        path: "/".into(),
        keys: Arc::clone(&keys),
    };
    CookieCodec::new("g", &settings, keys)
});

/// The values of our cookie, found by splitting and trimming.
fn values(lines: &[&[u8]]) -> Vec<Vec<u8>> {
    let trim = |bytes: &[u8]| {
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        text.trim_matches([' ', '\t']).to_owned()
    };
    let pairs = lines.iter().flat_map(|line| line.split(|byte| *byte == b';'));
    let named = pairs.filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        (trim(&pair[..equals]) == NAME).then(|| trim(&pair[equals + 1..]))
    });
    named.map(|value| value.chars().map(|letter| letter as u8).collect()).collect()
}

/// Two bytes say where and how a cookie of ours is forged; every line behind them is a `Cookie` line, and `@` in it
/// stands for that cookie's value.
pub fn cookie(input: &[u8]) {
    let [place, change, input @ ..] = input else { return };
    let ticket = Ticket { node: NodeTag(1), home: NodeTag(2), issued: NOW, renewed: NOW, nonce: 0 };
    let mut set = Vec::new();
    CODEC.issue(&ticket, true, &mut set).expect("a cookie");
    let mut value = set[NAME.len() + 1..][..VALUE_LENGTH].to_vec();
    value[usize::from(*place) % VALUE_LENGTH] ^= change;
    let forged = *change != 0;

    let filled: Vec<Vec<u8>> = input
        .split(|byte| *byte == b'\n')
        .map(|line| line.split(|byte| *byte == b'@').collect::<Vec<_>>().join(&value[..]))
        .collect();
    let lines: Vec<&[u8]> = filled.iter().map(Vec::as_slice).collect();
    let found = values(&lines);
    match CODEC.read(lines.iter().copied(), NOW, IDLE) {
        CookieReading::Absent => assert!(found.is_empty()),
        CookieReading::Refused(CookieRefusal::Duplicate) => {
            assert!(found.iter().any(|other| *other != found[0]))
        }
        CookieReading::Refused(refusal) => {
            assert!(!found.is_empty() && found.iter().all(|other| *other == found[0]));
            assert!(forged || found[0] != value, "our own cookie: {refusal:?}");
        }
        CookieReading::Valid(read) => {
            assert!(
                !found.is_empty() && found.iter().all(|other| *other == value),
                "nobody else can make one"
            );
            assert!(!forged, "a change that went unnoticed");
            assert_eq!(Ticket { nonce: 0, ..read }, ticket);
        }
    }
    for line in lines {
        let mut out = b"kept".to_vec();
        let removed = CODEC.strip(line, &mut out);
        let stripped = out.strip_prefix(b"kept").expect("it only appends");
        assert_eq!(removed, !values(&[line]).is_empty());
        assert_eq!(
            CODEC.read(std::iter::once(stripped), NOW, IDLE),
            CookieReading::Absent,
            "nothing of ours is left"
        );
        if !removed {
            assert_eq!(stripped, line);
        }
        let others =
            |line: &[u8]| line.split(|byte| *byte == b';').filter(|pair| values(&[pair]).is_empty()).count();
        assert!(stripped.is_empty() || others(stripped) == others(line), "every other cookie stays");
    }
}

/// The parameters of a media type, letter by letter: names in lower case, values without their quotes.
fn parameters(content_type: &str) -> (String, Vec<(String, String)>) {
    let (mut parts, mut part, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    let (essence, rest) = content_type.split_once(';').unwrap_or((content_type, ""));
    for letter in rest.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(letter);
    }
    parts.push(part);
    let split = |part: &String| {
        let (name, value) = part.split_once('=')?;
        Some((trim(name).to_ascii_lowercase(), unquoted(trim(value))))
    };
    (trim(essence).to_ascii_lowercase(), parts.iter().filter_map(split).collect())
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r', '\x0c'])
}

fn unquoted(value: &str) -> String {
    let Some(inside) = value.strip_prefix('"') else { return value.to_owned() };
    let mut letters = trim(inside.strip_suffix('"').unwrap_or(inside)).chars();
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        text.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    text
}

/// Whether a media type is one of SOAP's own, by its name.
fn soap(essence: &str) -> bool {
    let Some(name) = essence.strip_prefix("application/soap+") else { return false };
    let binary = name.strip_prefix("msbinsession1").or_else(|| name.strip_prefix("msbin1"));
    name == "xml" || matches!(binary, Some("" | "+gzip" | "+deflate"))
}

/// The first byte says whether there is a SOAPAction; then a line of path and one of Content-Type.
pub fn client_class(input: &[u8]) {
    let Some((number, input)) = input.split_first() else { return };
    let soap_action = number & 1 == 1;
    let mut lines = input.splitn(2, |byte| *byte == b'\n');
    let (path, content_type) = (lines.next().unwrap_or_default(), lines.next());
    let found = classify(&ClassFacts { path, content_type, soap_action });

    let latin = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
    let (essence, parameters) = parameters(&latin(content_type.unwrap_or_default()));
    let essence_of = |value: &str| {
        let (essence, _) = value.split_once(';').unwrap_or((value, ""));
        trim(essence).to_ascii_lowercase()
    };
    let mtom = parameters.iter().any(|(name, value)| match name.as_str() {
        "type" => value.eq_ignore_ascii_case("application/xop+xml"),
        "start-info" => soap(&essence_of(value)),
        _ => false,
    });
    let expected = if latin(path).to_ascii_lowercase().starts_with("/resourcemanagementservice/") {
        (ClientClass::Soap, Why::MimPath)
    } else if soap(&essence) {
        (ClientClass::Soap, Why::SoapContentType)
    } else if essence == "text/xml" && soap_action {
        (ClientClass::Soap, Why::SoapAction)
    } else if essence == "multipart/related" && mtom {
        (ClientClass::Soap, Why::Mtom)
    } else {
        (ClientClass::Browser, Why::Default)
    };
    assert_eq!(found, expected);
}
