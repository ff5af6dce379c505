//! A stream's request as an HTTP/1.1 head, for the one parser there is.
//!
//! The fields of HTTP/2 are written as a head in absolute-form, which then goes the way of every head: what HTTP/1.1
//! would refuse is refused here, by the same rules and under the same words. Names and values cannot add a line: the
//! library lets no CR, LF or NUL through, and the strict parser would not take what they make.
//!
//! Two things the library does not pass on: what follows a `#` in `:path` is cut off (backend and route see the same
//! rest), and without `:authority` the scheme is not known, which then counts as the connection's.

use super::Payload;
use crate::engine::refusal::Refusal;
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{Method, Uri};

/// Fields of a connection, which HTTP/2 does not have (RFC 9113 section 8.2.2).
pub(super) const OF_CONNECTIONS: [HeaderName; 5] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Writes the head of a request to `out`, and says how its body is to be written. `ends`: no body follows.
///
/// # Errors
/// The first rule that is broken, of those that the head would no longer show.
pub(super) fn write_head(request: &Parts, ends: bool, out: &mut Vec<u8>) -> Result<Payload, Refusal> {
    out.clear();
    out.extend_from_slice(request.method.as_str().as_bytes());
    out.push(b' ');
    write_target(&request.uri, &request.method, out)?;
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let fields = &request.headers;
    if let (Some(authority), false) = (request.uri.authority(), fields.contains_key(HOST)) {
        write_field(b"host", authority.as_str().as_bytes(), out)?;
    }
    for (name, value) in fields {
        if OF_CONNECTIONS.contains(name) {
            return Err(Refusal::BadConnection);
        }
        if name != COOKIE {
            write_field(name.as_str().as_bytes(), value.as_bytes(), out)?;
        }
    }
    let mut crumbs = fields.get_all(COOKIE).iter();
    if let Some(first) = crumbs.next() {
        // RFC 9113 section 8.2.3.
        let cookie = crumbs.fold(first.as_bytes().to_vec(), |mut cookie, crumb| {
            cookie.extend_from_slice(b"; ");
            cookie.extend_from_slice(crumb.as_bytes());
            cookie
        });
        write_field(b"cookie", &cookie, out)?;
    }
    let payload = match (fields.contains_key(CONTENT_LENGTH), ends) {
        (true, _) => Payload::Verbatim,
        (false, false) => {
            write_field(b"transfer-encoding", b"chunked", out)?;
            Payload::Chunked
        }
        (false, true) => {
            // RFC 9110 section 8.6: servers expect it where the method gives a body a meaning.
            if matches!(request.method, Method::POST | Method::PUT | Method::PATCH) {
                write_field(b"content-length", b"0", out)?;
            }
            Payload::Verbatim
        }
    };
    out.extend_from_slice(b"\r\n");
    Ok(payload)
}

/// The target in absolute-form (RFC 9112 section 3.2.2), so that Host is held against `:authority`.
fn write_target(uri: &Uri, method: &Method, out: &mut Vec<u8>) -> Result<(), Refusal> {
    if method == Method::CONNECT {
        return Err(Refusal::Connect);
    }
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    if let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) {
        out.extend_from_slice(scheme.as_bytes());
        out.extend_from_slice(b"://");
        out.extend_from_slice(authority.as_str().as_bytes());
        if path == "*" && method == Method::OPTIONS {
            return Ok(());
        }
    }
    // RFC 9113 section 8.3.1. Anything else would be taken for a part of the authority, or for another form.
    if path.starts_with('/') || path == "*" && method == Method::OPTIONS {
        out.extend_from_slice(path.as_bytes());
        Ok(())
    } else {
        Err(Refusal::BadTarget)
    }
}

fn write_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
    // RFC 9113 section 8.2.1: the blanks around a value, which HTTP/1.1 does not see, may not be there at all.
    if value.trim_ascii() != value {
        return Err(Refusal::BadFieldValue);
    }
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::framing::Framing;
    use crate::engine::head::{FieldStorage, Scan, parse_request, scan};
    use http::{HeaderValue, Request};

    fn parts(method: &str, uri: &str, fields: &[(&str, &[u8])]) -> Parts {
        let mut parts = Request::builder().method(method).uri(uri).body(()).unwrap().into_parts().0;
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            parts.headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        parts
    }

    fn written(parts: &Parts, ends: bool) -> Result<(String, Payload), Refusal> {
        let mut out = b"what was there before".to_vec();
        let payload = write_head(parts, ends, &mut out)?;
        Ok((String::from_utf8(out).unwrap(), payload))
    }

    /// What the engine makes of it.
    fn judged(parts: &Parts, ends: bool) -> Result<Framing, Refusal> {
        let mut out = Vec::new();
        write_head(parts, ends, &mut out)?;
        match scan(&out, 0) {
            Scan::Complete(length) => assert_eq!(length, out.len()),
            Scan::Refused(refusal) => return Err(refusal),
            Scan::Incomplete => panic!("the head has an end"),
        }
        parse_request(&out, &mut FieldStorage::new()).map(|head| head.facts.framing)
    }

    #[test]
    fn heads_are_absolute_and_have_a_host() {
        let plain = parts("GET", "https://mim.test:8443/a?b", &[("accept", b"*/*"), ("x-one", b"")]);
        let expected =
            "GET https://mim.test:8443/a?b HTTP/1.1\r\nhost: mim.test:8443\r\naccept: */*\r\nx-one: \r\n\r\n";
        assert_eq!(written(&plain, true), Ok((expected.to_owned(), Payload::Verbatim)));
        assert_eq!(judged(&plain, true), Ok(Framing::None));
        let named = parts("GET", "/a", &[("host", b"mim.test")]);
        assert_eq!(
            written(&named, true).unwrap().0,
            "GET /a HTTP/1.1\r\nhost: mim.test\r\n\r\n",
            "without an authority"
        );
        let both = parts("GET", "https://mim.test/", &[("host", b"MIM.test:443")]);
        assert_eq!(judged(&both, true), Ok(Framing::None));
        let star = Uri::builder().scheme("https").authority("mim.test").path_and_query("*").build().unwrap();
        let mut options = parts("OPTIONS", "/", &[]);
        options.uri = star;
        assert_eq!(
            written(&options, true).unwrap().0,
            "OPTIONS https://mim.test HTTP/1.1\r\nhost: mim.test\r\n\r\n"
        );
    }

    #[test]
    fn bodies_are_framed() {
        for (method, length, ends, payload, framing, line) in [
            ("GET", None, true, Payload::Verbatim, Framing::None, None),
            ("POST", None, true, Payload::Verbatim, Framing::None, Some("content-length: 0\r\n")),
            ("POST", None, false, Payload::Chunked, Framing::Chunked, Some("transfer-encoding: chunked\r\n")),
            ("GET", None, false, Payload::Chunked, Framing::Chunked, Some("transfer-encoding: chunked\r\n")),
            (
                "PUT",
                Some("17"),
                false,
                Payload::Verbatim,
                Framing::Length(17),
                Some("content-length: 17\r\n"),
            ),
            ("PUT", Some("0"), true, Payload::Verbatim, Framing::None, Some("content-length: 0\r\n")),
        ] {
            let fields: Vec<(&str, &[u8])> =
                length.iter().map(|length: &&str| ("content-length", length.as_bytes())).collect();
            let request = parts(method, "https://a.test/", &fields);
            let (head, found) = written(&request, ends).unwrap();
            assert_eq!(found, payload, "{head}");
            assert_eq!(judged(&request, ends), Ok(framing), "{head}");
            let lines = head.matches("content-length").count() + head.matches("transfer-encoding").count();
            assert_eq!(lines, usize::from(line.is_some()), "{head}");
            assert!(line.is_none_or(|line| head.contains(line)), "{head}");
        }
    }

    #[test]
    fn cookie_crumbs_become_one_line() {
        let crumbs: [(&str, &[u8]); 4] =
            [("cookie", b"a=1"), ("x-between", b"x"), ("cookie", b"b=2; c=3"), ("cookie", b"EDGE=4")];
        let (head, _) = written(&parts("GET", "https://a.test/", &crumbs), true).unwrap();
        assert!(head.contains("\r\ncookie: a=1; b=2; c=3; EDGE=4\r\n"), "{head}");
        assert_eq!(head.matches("cookie").count(), 1, "{head}");
    }

    #[test]
    fn what_http11_refuses_is_refused() {
        let many: Vec<(String, Vec<u8>)> = (0..130).map(|n| (format!("x-{n}"), b"v".to_vec())).collect();
        let many: Vec<(&str, &[u8])> =
            many.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        for (method, uri, fields, refusal) in [
            ("GET", "https://a.test/", &[("host", &b"b.test"[..])][..], Refusal::HostDisagrees),
            ("GET", "https://a.test/", &[("host", b"a.test"), ("host", b"a.test")], Refusal::SeveralHosts),
            ("GET", "https://user@a.test/", &[], Refusal::BadHost),
            ("GET", "/", &[], Refusal::NoHost),
            ("GET", "ftp://a.test/", &[], Refusal::BadTarget),
            ("GET", "https://a.test/\u{e4}", &[], Refusal::BadTarget),
            ("CONNECT", "a.test:443", &[], Refusal::Connect),
            ("GET", "https://a.test/", &[("connection", b"x-one")], Refusal::BadConnection),
            ("GET", "https://a.test/", &[("transfer-encoding", b"chunked")], Refusal::BadConnection),
            ("GET", "https://a.test/", &[("upgrade", b"websocket")], Refusal::BadConnection),
            ("GET", "https://a.test/", &[("keep-alive", b"1")], Refusal::BadConnection),
            ("GET", "https://a.test/", &[("proxy-connection", b"close")], Refusal::BadConnection),
            ("GET", "https://a.test/", &[("x-one", b" a")], Refusal::BadFieldValue),
            ("GET", "https://a.test/", &[("x-one", b"a\t")], Refusal::BadFieldValue),
            ("GET", "https://a.test/", &[("expect", b"something")], Refusal::UnknownExpectation),
            (
                "POST",
                "https://a.test/",
                &[("content-length", b"3"), ("content-length", b"3")],
                Refusal::DuplicateContentLength,
            ),
            ("POST", "https://a.test/", &[("content-length", b"+3")], Refusal::BadContentLength),
            ("GET", "https://a.test/", &many, Refusal::TooManyFields),
        ] {
            assert_eq!(judged(&parts(method, uri, fields), true), Err(refusal), "{method} {uri} {fields:?}");
        }
    }

    proptest::proptest! {
        /// Whatever the library lets through, a head that is accepted says what the fields said, line by line.
        #[test]
        fn no_field_becomes_another(
            method in "[A-Z!#$%&'*+.^_`|~-]{1,8}",
            path in "/[ -~\u{e4}\r\n]{0,30}",
            fields in proptest::collection::vec(("[a-z0-9!#$%&'*+.^_`|~-]{1,12}", "[ -~\t\u{80}-\u{ff}]{0,30}"), 0..6),
            ends: bool,
        ) {
            let asked = Request::builder().method(method.as_str()).uri(format!("https://edge.test{path}"));
            let Ok(asked) = asked.body(()) else { return Ok(()) };
            let mut parts = asked.into_parts().0;
            let mut expected = vec![("host".to_owned(), b"edge.test".to_vec())];
            for (name, value) in &fields {
                let known = ["host", "cookie", "expect", "content-length", "transfer-encoding"];
                let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else { continue };
                if !known.contains(&name.as_str()) {
                    expected.push((name.clone(), value.as_bytes().to_vec()));
                    parts.headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
                }
            }
            let mut out = Vec::new();
            let Ok(_) = write_head(&parts, ends, &mut out) else { return Ok(()) };
            let mut storage = FieldStorage::new();
            let Ok(head) = parse_request(&out, &mut storage) else { return Ok(()) };
            proptest::prop_assert_eq!(head.method, &method);
            let (lead, rest) = head.origin_form();
            proptest::prop_assert_eq!(format!("{lead}{rest}"), parts.uri.path_and_query().unwrap().as_str());
            let mut found: Vec<(String, Vec<u8>)> = head
                .fields
                .iter()
                .filter(|field| !["content-length", "transfer-encoding"].contains(&field.name))
                .map(|field| (field.name.to_owned(), field.value.to_vec()))
                .collect();
            // Fields of one name come together, in their order.
            found.sort_by(|one, other| one.0.cmp(&other.0));
            expected.sort_by(|one, other| one.0.cmp(&other.0));
            proptest::prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_path_has_a_slash_in_front() {
        for (method, path) in [("GET", "*"), ("OPTIONS", "?a"), ("GET", "?a")] {
            let mut request = parts(method, "/", &[]);
            let uri = Uri::builder().scheme("https").authority("a.test").path_and_query(path);
            request.uri = uri.build().unwrap();
            assert_eq!(judged(&request, true), Err(Refusal::BadTarget), "{method} {path}");
        }
    }
}
