//! The URL and the header lines of a request that is to be explained.

use crate::route::bare_host;
use std::net::IpAddr;
use std::str::FromStr;

/// An `http` or `https` URL, as far as a request needs it (RFC 3986 section 3, RFC 9110 section 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) https: bool,
    /// Host and port as they were written.
    pub(super) authority: String,
    /// The port, also where it was not written.
    pub(super) port: u16,
    /// Path and query.
    pub(super) target: String,
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("expected visible ASCII characters, others percent-encoded".into());
        }
        let expected = || "expected a URL such as http://mim.example.com:5725/path".to_owned();
        let (scheme, rest) = text.split_once("://").ok_or_else(expected)?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err("expected http or https".into()),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        if authority.contains('@') {
            return Err("expected no user name: it is not sent to a server".into());
        }
        // A colon within brackets belongs to the address.
        let name_ends = authority.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match authority[name_ends..].rfind(':') {
            Some(at) => (&authority[..name_ends + at], Some(&authority[name_ends + at + 1..])),
            None => (authority, None),
        };
        if host.is_empty() {
            return Err(expected());
        }
        let port = match port {
            None => {
                if https {
                    443
                } else {
                    80
                }
            }
            Some(port) => {
                let digits = port.bytes().all(|byte| byte.is_ascii_digit());
                let port = port.parse().ok().filter(|port| digits && *port > 0);
                port.ok_or("expected a port from 1 to 65535")?
            }
        };
        let target = rest.split('#').next().unwrap_or_default();
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Self { https, authority: authority.to_owned(), port, target })
    }
}

impl Url {
    /// What a client asks for in a TLS handshake: the host, unless it is an address (RFC 6066 section 3).
    pub(super) fn server_name(&self) -> Option<Box<str>> {
        let host = std::str::from_utf8(bare_host(self.authority.as_bytes())).ok()?;
        host.parse::<IpAddr>().is_err().then(|| host.to_ascii_lowercase().into())
    }
}

/// `Name: value`, one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeaderLine {
    pub(super) name: String,
    pub(super) value: String,
}

impl FromStr for HeaderLine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once(':').ok_or("expected 'Name: value'")?;
        if name.is_empty() || text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            return Err("expected 'Name: value' on one line".into());
        }
        Ok(Self { name: name.to_owned(), value: value.trim().to_owned() })
    }
}

/// The head of a request.
pub(super) fn head(method: &str, url: &Url, headers: &[HeaderLine]) -> Vec<u8> {
    let mut head = format!("{method} {} HTTP/1.1\r\n", url.target);
    if !headers.iter().any(|line| line.name.eq_ignore_ascii_case("host")) {
        head += &format!("Host: {}\r\n", url.authority);
    }
    for line in headers {
        head += &format!("{}: {}\r\n", line.name, line.value);
    }
    (head + "\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (text, https, authority, port, target) in [
            ("http://a", false, "a", 80, "/"),
            ("HTTPS://a.b/c?d=e#f", true, "a.b", 443, "/c?d=e"),
            ("http://a:5725?x", false, "a:5725", 5725, "/?x"),
            ("http://[2001:db8::1]/", false, "[2001:db8::1]", 80, "/"),
            ("https://[::1]:8443/a://b:c", true, "[::1]:8443", 8443, "/a://b:c"),
        ] {
            let expected = Url { https, authority: authority.into(), port, target: target.into() };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "",
            "a",
            "a/b",
            "ftp://a/",
            "http://",
            "http:///a",
            "http://:80/",
            "http://a:/",
            "http://a:0/",
            "http://a:65536/",
            "http://a:+80/",
            "http://u@a/",
            "http://a/ b",
            "http://ä/",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_header_is_one_line() {
        let line: HeaderLine = "Cookie:  a=b; c=d ".parse().unwrap();
        assert_eq!((line.name.as_str(), line.value.as_str()), ("Cookie", "a=b; c=d"));
        for text in ["Cookie", ": a", "", "A: b\r\nC: d", "A: b\0"] {
            assert!(text.parse::<HeaderLine>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_host_that_is_given_takes_the_place_of_the_urls() {
        let url: Url = "http://a:1/x".parse().unwrap();
        assert_eq!(head("GET", &url, &[]), b"GET /x HTTP/1.1\r\nHost: a:1\r\n\r\n");
        let host = ["hOst: b".parse().unwrap()];
        assert_eq!(head("GET", &url, &host), b"GET /x HTTP/1.1\r\nhOst: b\r\n\r\n");
    }
}
