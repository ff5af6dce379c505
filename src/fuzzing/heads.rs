//! Heads of requests and responses.

use super::plain_head::{self, PlainHead};
use crate::engine::framing::Framing;
use crate::engine::head::{
    FieldStorage, Method, RequestFacts, Scan, Version, leading_blank, parse_request, parse_response, scan,
};

/// The head that the bytes start with, after both readings agreed on where it ends however they come.
fn delimited(bytes: &[u8]) -> Option<&[u8]> {
    let whole = scan(bytes, 0);
    assert_eq!(whole, plain_head::scan(bytes));
    for step in [1, 2, 7] {
        let mut scanned = 0;
        let verdict = loop {
            let come = (scanned + step).min(bytes.len());
            match scan(&bytes[..come], scanned) {
                Scan::Incomplete if come < bytes.len() => scanned = come,
                verdict => break verdict,
            }
        };
        assert_eq!(verdict, whole, "in steps of {step}");
    }
    assert!(leading_blank(bytes) <= bytes.len().min(8));
    match whole {
        Scan::Complete(end) => Some(&bytes[..end]),
        _ => None,
    }
}

pub fn request_head(input: &[u8]) {
    let Some(bytes) = delimited(input) else {
        assert!(parse_request(input, &mut FieldStorage::new()).is_err(), "what has no end is no head");
        return;
    };
    let mut storage = FieldStorage::new();
    let Ok(head) = parse_request(bytes, &mut storage) else { return };
    let plain = PlainHead::of(bytes);
    plain.agrees(&head.fields);

    let first = String::from_utf8(plain.first.to_vec()).expect("an accepted request line is ASCII");
    let [method, target, version] = first.split(' ').collect::<Vec<_>>()[..] else { panic!("three words") };
    assert_eq!((head.method, head.target), (method, target));
    assert_eq!(version == "HTTP/1.1", head.facts.version == Version::V11);
    assert_ne!(method, "CONNECT");

    assert_eq!(head.facts.framing, plain.framing(Framing::None));
    if head.facts.version == Version::V10 {
        assert_ne!(head.facts.framing, Framing::Chunked);
    }
    let hosts = plain.values("host");
    assert!(hosts.len() <= 1 && (hosts.len() == 1 || head.facts.version == Version::V10));
    if head.facts.absolute_https.is_none() {
        assert_eq!(head.host(), hosts.first().copied());
    }
    let (lead, rest) = head.origin_form();
    let sent = format!("{lead}{rest}");
    assert!(target.ends_with(rest) && (sent.starts_with('/') || sent == "*"), "{sent}");
    let query = head.query().map(|query| format!("?{query}")).unwrap_or_default();
    assert_eq!(format!("{}{query}", head.path()), sent);
    for name in ["host", "content-length", "transfer-encoding", "cookie", "authorization"] {
        for (index, field) in head.fields.iter().enumerate() {
            let named = field.name.eq_ignore_ascii_case(name);
            assert!(!(named && head.fields.is_hop_by_hop(index)), "nobody may hide {name}");
        }
    }
}

/// What was asked, by a number.
pub(super) fn asked(number: u8) -> RequestFacts {
    let method = if number & 1 == 1 { Method::Head } else { Method::Get };
    RequestFacts { upgrade: number & 2 == 2, ..RequestFacts::plain(method) }
}

/// The first byte says what was asked.
pub fn response_head(input: &[u8]) {
    let Some((number, input)) = input.split_first() else { return };
    let request = asked(*number);
    let Some(bytes) = delimited(input) else {
        assert!(parse_response(input, &mut FieldStorage::new(), &request).is_err(), "no end, no head");
        return;
    };
    let mut storage = FieldStorage::new();
    let Ok(head) = parse_response(bytes, &mut storage, &request) else { return };
    let plain = PlainHead::of(bytes);
    plain.agrees(&head.fields);

    let status = std::str::from_utf8(&plain.first[9..12]).expect("digits").parse::<u16>().expect("a status");
    assert_eq!(head.facts.status, status);
    assert!(plain.first.ends_with(head.reason));
    let delimited = plain.framing(Framing::UntilClose);
    let bodiless = status < 200 || status == 204 || status == 304 || request.is_head();
    assert_eq!(head.facts.framing, if bodiless { Framing::None } else { delimited });
    if status < 200 || status == 204 {
        assert!(matches!(delimited, Framing::None | Framing::UntilClose), "a body that must not be");
    }
    assert!(status != 101 || request.upgrade);
    assert!(!(head.facts.keep_alive && head.facts.framing == Framing::UntilClose));
}
