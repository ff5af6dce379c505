//! A path goes upstream byte for byte, and never to an origin that one of its readers would not expect it at.

use super::configured;
use crate::support::client::Client;
use crate::support::edge::{Edge, command, finish, said, write};
use crate::support::http::answer;
use crate::support::origin::Origin;

/// Who gets it: the pool `root` of route `/`, the pool `app` of route `/app`, or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Root,
    App,
    Nobody,
}
use To::{App, Nobody, Root};

/// Each with where it is from.
const PATHS: &[(&str, To, &str)] = &[
    ("/", Root, "plain"),
    ("/app", App, "plain"),
    ("/app/x/y.html?q=/../app", App, "a query is no path (RFC 3986 section 3.4)"),
    ("/application", Root, "prefixes end at segments"),
    ("/.well-known/x", Root, "RFC 8615"),
    ("/My%20Documents/a%2Bb", Root, "SharePoint's file names"),
    ("/app/%D0%9F%D0%B0%D1%80%D0%BE%D0%BB%D1%8C", App, "names in another script"),
    ("/app/50%25%20off", App, "an encoded percent sign"),
    ("/app/x;jsessionid=1", App, "servlet sessions, Servlet specification 7.1.3"),
    ("/app/a//b", App, "an empty segment that changes nothing"),
    ("/app/a/../b", App, "dot segments that stay inside"),
    ("/x/a%2fb", Root, "an encoded slash that changes nothing, GitLab's and S3's names"),
    ("/app/%e6%97%a5%5c%e6%9c%ac", App, "an encoded backslash that changes nothing"),
    ("/app/100%", App, "no escape at all"),
    ("/app/../x", Nobody, "RFC 3986 section 5.2.4"),
    ("/x/../app", Nobody, "RFC 3986 section 5.2.4, from outside"),
    ("/app/./../x", Nobody, "RFC 3986 section 5.2.4"),
    ("/./app", Nobody, "RFC 3986 section 5.2.4"),
    ("/app/..", Nobody, "RFC 3986 section 5.2.4, at the end"),
    ("/app/%2e%2e/x", Nobody, "CVE-2021-41773, Apache httpd"),
    ("/app/.%2e/x", Nobody, "CVE-2021-41773, Apache httpd"),
    ("/app/%%32%65%%32%65/x", Nobody, "CVE-2021-42013, Apache httpd: decoded twice"),
    ("/app/%252e%252e/x", Nobody, "CVE-2001-0333, IIS: decoded twice"),
    ("/app/%252e%252e%252fx", Nobody, "CVE-2001-0333, IIS: decoded twice"),
    ("/app%2f..%2fx", Nobody, "CVE-2007-0450, Tomcat"),
    ("/app/..%2fx", Nobody, "CVE-2007-0450, Tomcat"),
    ("/app/..%5cx", Nobody, "CVE-2007-0450, Tomcat"),
    ("/app\\..\\x", Nobody, "http.sys takes a backslash for a slash"),
    ("/x\\..\\app", Nobody, "http.sys takes a backslash for a slash"),
    ("/app/..;/x", Nobody, "CVE-2020-5902, F5: Tomcat cuts parameters off"),
    ("/x/..;a=b/app", Nobody, "Orange Tsai, Breaking Parser Logic (2018)"),
    ("/app;x", Nobody, "Orange Tsai, Breaking Parser Logic (2018)"),
    ("/;/app", Nobody, "CVE-2020-13933, Shiro"),
    ("/%3b/app", Nobody, "CVE-2020-13933, Shiro"),
    ("/app%3bx", Nobody, "CVE-2020-1957, Shiro"),
    ("/app;%2f..%2f..%2fx", Nobody, "a parameter that hides slashes"),
    ("//app", Nobody, "nginx merges slashes (merge_slashes)"),
    ("/x//../app", Nobody, "RFC 3986 keeps empty segments, nginx merges them"),
    ("/app//../x", Nobody, "RFC 3986 keeps empty segments, nginx merges them"),
    ("/%61pp", Nobody, "RFC 3986 section 6.2.2.2: the same path as /app"),
    ("/ap%70/x", Nobody, "RFC 3986 section 6.2.2.2"),
    ("/%2561pp", Nobody, "decoded twice"),
    ("/app%2Fx", Nobody, "an encoded slash"),
    ("/app%5Cx", Nobody, "an encoded backslash"),
    ("/app%3f/../x", Nobody, "CVE-2024-38474, Apache httpd: an encoded question mark"),
    ("/app%3fx", Nobody, "CVE-2024-38475, Apache httpd"),
    ("/app%23x", Nobody, "an encoded number sign, cut off as a fragment"),
    ("/..", Nobody, "above the root"),
    ("/app/../../x", Nobody, "above the root"),
    ("/x/%2e%2e/%2e%2e/y", Nobody, "above the root"),
    ("/..;/x", Nobody, "above the root, with a parameter"),
    ("/x%00", Nobody, "CVE-2006-4542 and many: a string ends at NUL"),
    ("/x%0d%0aSet-Cookie:%20a=b", Nobody, "response splitting (CWE-113)"),
    ("/x%250d%250aSet-Cookie:%20a=b", Nobody, "response splitting, decoded twice"),
    ("/x%0a", Nobody, "a line end"),
    ("/x%09y", Nobody, "http.sys: AllowRestrictedChars (KB820129)"),
    ("/app/%c0%ae%c0%ae/x", Nobody, "CVE-2008-2938, Tomcat: overlong UTF-8"),
    ("/app/..%c0%afx", Nobody, "CVE-2000-0884, IIS: overlong UTF-8"),
    ("/app/..%c1%9cx", Nobody, "CVE-2000-0884, IIS: overlong UTF-8"),
    ("/app/..%c0%2fx", Nobody, "CVE-2000-0884, IIS: the second byte is not looked at"),
    ("/app/..%c1%1cx", Nobody, "CVE-2000-0884, IIS: the second byte is not looked at"),
    ("/app/%e0%80%ae%e0%80%ae/x", Nobody, "overlong UTF-8 in three bytes"),
    ("/app/..%f0%80%80%afx", Nobody, "overlong UTF-8 in four bytes"),
    ("/app/..%fc%80%80%80%80%afx", Nobody, "overlong UTF-8 in six bytes"),
    ("/app/%u002e%u002e/x", Nobody, "http.sys: PercentUAllowed (KB820129)"),
    ("/app/..%u2215x", Nobody, "http.sys: PercentUAllowed (KB820129)"),
];

/// An origin that answers with its name.
fn named(name: &'static str) -> Origin {
    Origin::answering(move |_| answer("200 OK", "", name.as_bytes()))
}

#[test]
fn no_reader_finds_a_path_at_the_wrong_origin() {
    let (root, app) = (named("Root"), named("App"));
    let yaml = configured(
        &[("web", "")],
        &[("root", &root, ""), ("app", &app, "")],
        &["listener: web, pool: root", "listener: web, path: /app, pool: app"],
    );
    let edge = Edge::start(&yaml);
    // One connection for all of them: what is refused is whole, and ends nothing.
    let mut client = Client::connect(edge.address("web"));
    for (path, to, source) in PATHS {
        let body = if path.len() % 2 == 0 { "body" } else { "" };
        let head = format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
        let response = client.exchange(format!("{head}{body}"));
        match to {
            Nobody => {
                assert_eq!(response.status(), 400, "{path}: {source}");
                assert!(response.head.value("connection").is_none(), "{path}: the connection goes on");
                let entry = edge.next_request(|_| true);
                assert_eq!(entry["failure"], "ambiguous_path", "{entry}");
                assert_eq!(entry["path"], path.split('?').next().unwrap(), "{entry}");
            }
            to => {
                assert_eq!(response.expect(200).text(), format!("{to:?}"), "{path}: {source}");
                edge.next_request(|_| true);
            }
        }
    }
    for (origin, to) in [(&root, Root), (&app, App)] {
        let arrived: Vec<String> =
            origin.requests().iter().map(|request| request.head.target().to_owned()).collect();
        let sent: Vec<&str> = PATHS.iter().filter(|path| path.1 == to).map(|path| path.0).collect();
        assert_eq!(arrived, sent, "byte for byte, each at its origin");
        for target in &arrived {
            let path = target.split('?').next().unwrap();
            for (reader, read) in READERS {
                let found = read(path.as_bytes());
                let below = found == b"/app" || found.starts_with(b"/app/");
                assert_eq!(below, to == App, "{reader} reads {path} as {}", found.escape_ascii());
            }
        }
    }
    let refused = PATHS.iter().filter(|path| path.1 == Nobody).count();
    let labels = [("listener", "web"), ("reason", "ambiguous_path")];
    assert_eq!(edge.metrics().value("refused_requests_total", &labels), refused as f64);
}

#[test]
fn explain_tells_the_same() {
    let (root, app) = (named("Root"), named("App"));
    let yaml = configured(
        &[("web", "")],
        &[("root", &root, ""), ("app", &app, "")],
        &["listener: web, pool: root", "listener: web, path: /app, pool: app"],
    );
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "edge.yaml", &yaml);
    for (path, to, _) in PATHS.iter().filter(|(path, ..)| path.contains(['%', ';', '.'])) {
        let url = format!("http://h{path}");
        let mut explain = command(["explain", "--listener", "web", "--config"]);
        let output = finish(explain.arg(&file).args(["--json", "--client", "10.1.1.1", "GET", &url]));
        let told = said(&output);
        match to {
            Nobody => assert!(told.contains("ambiguous_path"), "{path}: {told}"),
            to => {
                let pool = format!("\"pool\":\"{}\"", format!("{to:?}").to_lowercase());
                assert!(told.replace(": ", ":").contains(&pool), "{path}: {told}");
            }
        }
    }
}

/// How servers read paths, each written down once more and as plainly as can be.
type Reader = fn(&[u8]) -> Vec<u8>;
const READERS: [(&str, Reader); 6] = [
    ("somebody who does nothing", <[u8]>::to_vec),
    ("RFC 3986", |path| resolve(path, false)),
    ("nginx", |path| resolve(&decode(path), true)),
    ("http.sys", |path| resolve(&slashes(&decode(path)), true)),
    ("Tomcat", |path| resolve(&slashes(&decode(&without_parameters(path))), true)),
    ("IIS behind another proxy", |path| resolve(&slashes(&decode(&decode(path))), true)),
];

fn decode(path: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), path);
    while let [first, more @ ..] = rest {
        let digits = more.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &more[2..];
            }
            None => {
                out.push(*first);
                rest = more;
            }
        }
    }
    out
}

fn slashes(path: &[u8]) -> Vec<u8> {
    path.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect()
}

fn without_parameters(path: &[u8]) -> Vec<u8> {
    let segments = path.split(|byte| *byte == b'/');
    let cut = segments.map(|segment| segment.split(|byte| *byte == b';').next().unwrap());
    cut.collect::<Vec<_>>().join(&b'/')
}

fn resolve(path: &[u8], merge: bool) -> Vec<u8> {
    let mut stack: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/').skip(1) {
        match segment {
            b"." => {}
            b".." => drop(stack.pop()),
            b"" if merge => {}
            segment => stack.push(segment),
        }
    }
    [b"/", &stack.join(&b'/')[..]].concat()
}
