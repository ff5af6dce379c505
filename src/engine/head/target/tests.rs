use crate::engine::head::{FieldStorage, RequestHead, parse_request};
use crate::engine::refusal::Refusal;
use Refusal as R;

fn judge<T>(text: &[u8], check: impl FnOnce(Result<RequestHead, Refusal>) -> T) -> T {
    check(parse_request(text, &mut FieldStorage::new()))
}

fn refused(cases: &[(&str, Refusal)]) {
    for (text, why) in cases {
        let found = judge(text.as_bytes(), |head| head.map(|head| head.facts).err());
        assert_eq!(found, Some(*why), "{text:?}");
    }
}

#[test]
fn targets_that_are_refused() {
    for target in [
        "*", "a", "a/b", "a:443", "?q", "/#f", "/a#", "/é", "/\u{7f}", "/a\tb", "ftp://a/", "http:/a",
        "://a", "http//a",
    ] {
        refused(&[(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), R::BadTarget)]);
    }
    refused(&[
        ("OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n", R::BadTarget),
        ("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", R::BadHost),
        ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", R::BadHost),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", R::HostDisagrees),
        ("GET http://a./ HTTP/1.1\r\nHost: a\r\n\r\n", R::HostDisagrees),
        ("GET http://a:443/ HTTP/1.1\r\nHost: a\r\n\r\n", R::HostDisagrees),
        ("GET https://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", R::HostDisagrees),
        ("GET http://a/ HTTP/1.1\r\n\r\n", R::NoHost),
    ]);
}

#[test]
fn targets_that_are_accepted() {
    // method, target, Host, path, query, origin-form, https
    for (method, target, host, path, query, origin, https) in [
        ("GET", "/", "a", "/", None, "/", None),
        ("GET", "/a/b?c=d?e", "a", "/a/b", Some("c=d?e"), "/a/b?c=d?e", None),
        ("GET", "/?", "a", "/", Some(""), "/?", None),
        ("GET", "//b/%00", "a", "//b/%00", None, "//b/%00", None),
        ("GET", "/a|{}\\\"^`<>", "a", "/a|{}\\\"^`<>", None, "/a|{}\\\"^`<>", None),
        ("OPTIONS", "*", "a", "*", None, "*", None),
        ("GET", "http://a", "a", "/", None, "/", Some(false)),
        ("GET", "HTTP://A:80/b", "a", "/b", None, "/b", Some(false)),
        ("GET", "https://a:/b?c", "A:443", "/b", Some("c"), "/b?c", Some(true)),
        ("GET", "http://a?b=/c", "a", "/", Some("b=/c"), "/?b=/c", Some(false)),
        ("GET", "http://[::1]:8/", "[::1]:8", "/", None, "/", Some(false)),
        ("OPTIONS", "http://a", "a", "*", None, "*", Some(false)),
        ("OPTIONS", "http://a?b", "a", "/", Some("b"), "/?b", Some(false)),
    ] {
        let text = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        judge(text.as_bytes(), |head| {
            let head = head.unwrap_or_else(|why| panic!("{why}: {text:?}"));
            assert_eq!((head.path(), head.query()), (path, query), "{text:?}");
            assert_eq!([head.origin_form().0, head.origin_form().1].concat(), origin, "{text:?}");
            assert_eq!(head.facts.absolute_https, https, "{text:?}");
        });
    }
}

#[test]
fn hosts() {
    for host in [
        "a",
        "A.example.com.",
        "a_b-c~1",
        "10.0.0.1:80",
        "a:",
        "a:65535",
        "[::1]",
        "[2001:db8::1]:443",
        "[::1]:",
    ] {
        let text = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        judge(text.as_bytes(), |head| {
            let head = head.unwrap_or_else(|why| panic!("{why}: {text:?}"));
            assert_eq!((head.host(), head.facts.host_field), (Some(host.as_bytes()), Some(0)));
        });
    }
    for host in [
        "",
        ":80",
        "u@a",
        "a,b",
        "a b",
        "a/b",
        "a%2eb",
        "a:b",
        "a:1:2",
        "a:65536",
        "a:000080",
        "a:-1",
        "é",
        "[::1",
        "::1",
        "[::1]x",
        "[a]",
        "[::1%25eth0]",
        "[v1.a]",
        "[127.0.0.1]",
        "a?b",
        "a#b",
        "a\\b",
    ] {
        refused(&[(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), R::BadHost)]);
    }
    refused(&[
        ("GET / HTTP/1.1\r\n\r\n", R::NoHost),
        ("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", R::SeveralHosts),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", R::SeveralHosts),
        ("GET / HTTP/1.0\r\nHost:\r\n\r\n", R::BadHost),
    ]);
    judge(b"GET / HTTP/1.0\r\n\r\n", |head| assert_eq!(head.unwrap().host(), None));
    judge(b"GET http://A/ HTTP/1.0\r\n\r\n", |head| assert_eq!(head.unwrap().host(), Some(&b"A"[..])));
}
