//! Trailer fields between the two versions.
//!
//! A trailer that a recipient merges into its header section could undo what the header section said, so those that
//! frame, route, authenticate or modify a message, or say who the client is, are dropped (RFC 9110 section 6.5.1).

use super::stream::read_field;
use crate::engine::head::is_read_as;
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

/// The last chunk with a request's trailers, for HTTP/1.1 (RFC 9112 section 7.1.2). None is one of `own`, which only
/// the edge writes.
pub(super) fn for_backend(fields: Option<&HeaderMap>, own: &[Box<str>]) -> Vec<u8> {
    let is_own = |name: &str| own.iter().any(|own| is_read_as(name.as_bytes(), own.as_bytes()));
    let mut end = b"0\r\n".to_vec();
    let fields = fields.into_iter().flatten();
    for (name, value) in fields.filter(|(name, _)| passes(name.as_str()) && !is_own(name.as_str())) {
        end.extend_from_slice(name.as_str().as_bytes());
        end.extend_from_slice(b": ");
        end.extend_from_slice(value.as_bytes());
        end.extend_from_slice(b"\r\n");
    }
    end.extend_from_slice(b"\r\n");
    end
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
    use http::header::HeaderName;

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
    fn both_directions() {
        let mut fields = HeaderMap::new();
        for (name, value) in [("x-sum", "1"), ("host", "other.test"), ("x-sum", "2")] {
            fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        assert_eq!(for_backend(Some(&fields), &[]), b"0\r\nx-sum: 1\r\nx-sum: 2\r\n\r\n");
        assert_eq!(for_backend(Some(&fields), &["x_sum".into()]), b"0\r\n\r\n", "only the edge writes it");
        assert_eq!(for_backend(None, &[]), b"0\r\n\r\n");
        let back = for_client(b"X-Sum: 1\r\nHost: other.test\r\nX-Sum:\t2 \r\n").unwrap();
        let values: Vec<&[u8]> = back.get_all("x-sum").iter().map(HeaderValue::as_bytes).collect();
        assert_eq!((values, back.len()), (vec![&b"1"[..], b"2"], 2));
        assert_eq!(for_client(b"Host: other.test\r\n"), None);
        assert_eq!(for_client(b""), None);
    }
}
