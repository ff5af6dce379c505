//! The trailer fields of responses.
//!
//! A trailer that a recipient merges into its header section could undo what the header section said, so those that
//! frame, route, authenticate or modify a message, or say who the client is, are dropped (RFC 9110 section 6.5.1).

use super::stream::read_field;
use http::HeaderMap;

/// What may not be a trailer.
const FORBIDDEN: [&str; 43] = [
    "age",
    "authentication-info",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "forwarded",
    "front-end-https",
    "host",
    "keep-alive",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "referer",
    "retry-after",
    "set-cookie",
    "soapaction",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "x-cluster-client-ip",
    "x-http-method-override",
    "x-real-ip",
];

/// Names that start like this may not, either: conditions, and what front proxies say.
const FORBIDDEN_STARTS: [&str; 7] =
    ["if-", "sec-", "x-client-", "x-forwarded-", "x-ms-", "x-original-", "x-rewrite-"];

/// Whether a trailer of this name, in lower case, passes. Servers that hand fields on as CGI variables take other
/// signs for a hyphen (RFC 3875 section 4.1.18): no trailer needs one.
fn passes(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !FORBIDDEN.contains(&name)
        && !FORBIDDEN_STARTS.iter().any(|start| name.starts_with(start))
}

/// A response's trailers from the lines of a chunked body; none if nothing is left of them.
pub(super) fn for_client(lines: &[u8]) -> Option<HeaderMap> {
    let mut fields = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        if let Some((name, value)) = read_field(line).filter(|(name, _)| passes(name.as_str())) {
            fields.try_append(name, value).ok()?;
        }
    }
    (!fields.is_empty()).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_what_is_no_ones_business_passes() {
        for name in ["grpc-status", "server-timing", "x-checksum", "etag", "digest"] {
            assert!(passes(name), "{name}");
        }
        for name in ["host", "content-length", "x-forwarded-for", "x_real_ip", "if-match", "authorization"] {
            assert!(!passes(name), "{name}");
        }
        assert!(FORBIDDEN.is_sorted());
        assert!(FORBIDDEN.iter().chain(&FORBIDDEN_STARTS).all(|name| *name == name.to_lowercase()));
    }

    #[test]
    fn lines_become_fields() {
        let back = for_client(b"X-Sum: 1\r\nHost: other.test\r\nX-Sum:\t2 \r\n").unwrap();
        let values: Vec<&[u8]> = back.get_all("x-sum").iter().map(HeaderValue::as_bytes).collect();
        assert_eq!((values, back.len()), (vec![&b"1"[..], b"2"], 2));
        assert_eq!(for_client(b"Host: other.test\r\n"), None);
        assert_eq!(for_client(b""), None);
    }
}
