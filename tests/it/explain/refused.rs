//! What cannot be explained, and what gets no node.

use super::{Asked, nodes, row};
use crate::support::edge::{command, finish, said};
use crate::support::farm::Farm;
use serde_json::Value;

/// Three listeners, two of one port, and routes for some hosts.
fn asked() -> Asked {
    Asked::new(
        "listeners:\n  one: { bind: \"127.0.0.1:8080\" }\n  two: { bind: \"127.0.0.2:8080\" }\n  \
         soap: { bind: \"[::1]:5725\" }\nnodes:\n  a: { address: 127.0.0.1 }\n  \
         b: { address: 127.0.0.1, state: maintenance }\npools:\n  site: { nodes: [a], port: 80 }\n  \
         gone: { nodes: [b], port: 80 }\nroutes:\n  - { listener: one, pool: site }\n  \
         - { listener: two, host: a.test, pool: site, max_body: 10 }\n  \
         - { listener: soap, path: /a, pool: site }\n  - { listener: soap, path: /b, pool: gone }\n",
    )
}

/// Exit code and what was said.
fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let output = asked().run(&[&["--client", "10.0.0.1"], arguments].concat());
    (output.status.code(), said(&output))
}

#[test]
fn what_the_edge_answers_itself_is_told_as_it_would() {
    for (arguments, expected) in [
        (&["GET", "http://h:5725/"][..], "listener soap answers 404: no_route\n"),
        (&["--listener", "two", "GET", "http://h:8080/"], "listener two answers 404: no_route\n"),
        (
            &["--listener", "two", "--header", "Content-Length: 11", "POST", "http://a.test:8080/"],
            "listener two answers 413: body_too_large\n",
        ),
        (&["CONNECT", "http://h:5725/a"], "listener soap answers 405: connect\n"),
        (&["--header", "Host: h h", "GET", "http://h:5725/a"], "listener soap answers 400: bad_host\n"),
    ] {
        assert_eq!(refused(arguments), (Some(1), expected.to_owned()), "{arguments:?}");
    }
    let (code, said) = refused(&["--json", "GET", "http://h:5725/"]);
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &told["status"], &told["reason"]), (Some(1), &404.into(), &"no_route".into()));
}

#[test]
fn without_a_node_the_rest_is_told_all_the_same() {
    let output = asked().run(&["--client", "10.0.0.1", "GET", "http://h:5725/b/c"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(row(&text, "node"), "none: the edge answers 503, no_node");
    assert_eq!((row(&text, "pool"), row(&text, "group")), ("gone", "none: every request is placed anew"));
}

#[test]
fn the_listener_must_be_clear() {
    for (arguments, expected) in [
        (
            &["GET", "http://h:8080/"][..],
            "error: several listeners have port 8080, say --listener NAME: one, two\n",
        ),
        (
            &["GET", "http://h/"],
            "error: no listener has port 80; say which one is meant by --listener: one, two, soap\n",
        ),
        (
            &["GET", "https://h:5725/"],
            "error: port 5725 is without TLS, say --listener NAME if TLS ends in front of it: soap\n",
        ),
        (
            &["--listener", "three", "GET", "http://h:5725/"],
            "error: no such listener: three; known: one, two, soap\n",
        ),
    ] {
        assert_eq!(refused(arguments), (Some(1), expected.to_owned()), "{arguments:?}");
    }
    let named = asked().json(&["--client", "::1", "--listener", "one", "GET", "https://h/"]);
    assert_eq!(
        (&named["listener"], &named["group"], &named["known_by"]),
        (&"one".into(), &Value::Null, &"nothing".into())
    );
}

#[test]
fn a_url_that_is_none_and_a_bad_file_are_errors() {
    let (code, said_of_url) = refused(&["GET", "/page"]);
    assert_eq!(code, Some(1));
    assert_eq!(said_of_url, "error: /page: expected a URL such as http://mim.example.com:5725/path\n");
    let bad = Asked::new("listeners: 7\n").run(&["--client", "::1", "GET", "http://h/"]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(said(&bad).contains("edge.yaml:1:12: listeners: 7, "), "{}", said(&bad));
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [
        &["explain"][..],
        &["explain", "--config", "edge.yaml", "GET", "http://h/"],
        &["explain", "--config", "edge.yaml", "--client", "mim1", "GET", "http://h/"],
        &["explain", "--config", "edge.yaml", "--client", "::1", "http://h/"],
        &["explain", "--config", "edge.yaml", "--client", "::1", "--header", "no colon", "GET", "http://h/"],
    ] {
        let output = finish(command([]).args(arguments));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn an_admin_listener_that_is_off_is_not_asked() {
    let [a, b] = nodes();
    for (admin, why) in [
        ("admin: null\n", "admin.bind is null"),
        ("admin: { bind: \"127.0.0.1:0\" }\n", "admin.bind has port 0, which says nothing"),
    ] {
        let yaml = Farm::of([&a, &b]).yaml().replacen("127.0.0.1:0", "127.0.0.1:5725", 1) + admin;
        let text = Asked::new(&yaml).text(&["--client", "10.0.0.1", "GET", "http://mim:5725/"]);
        assert_eq!(row(&text, "now"), format!("unknown without the running edge: {why}"));
    }
}

#[test]
fn a_browser_asks_in_the_handshake_for_the_host_of_the_url() {
    let authority = crate::tls::Authority::new();
    let _ = authority.server("mim.test");
    let (certificate, key) = (authority.path("mim.test.pem"), authority.path("mim.test.key"));
    let asked = Asked::new(&format!(
        "listeners:\n  web: {{ bind: \"127.0.0.1:8443\", tls: {{ certificates: [ {{ certificate: \"{certificate}\", \
         key: \"{key}\" }} ] }} }}\nnodes:\n  a: {{ address: 127.0.0.1 }}\npools:\n  site: {{ nodes: [a], port: 80 }}\n\
         routes:\n  - {{ listener: web, pool: site }}\n"
    ));
    for (host, url, code) in [
        ("mim.test", "https://mim.test:8443/", 0),
        ("MIM.test.:8443", "https://mim.test:8443/", 0),
        ("other.test", "https://mim.test:8443/", 1),
        // No name is asked for where the URL has an address (RFC 6066 section 3).
        ("other.test", "https://127.0.0.1:8443/", 0),
        ("other.test", "https://[::1]:8443/", 0),
    ] {
        let host = format!("Host: {host}");
        let output = asked.run(&["--client", "10.0.0.1", "--header", &host, "GET", url]);
        assert_eq!(output.status.code(), Some(code), "{host} {url}: {}", said(&output));
        if code == 1 {
            assert_eq!(said(&output), "listener web answers 421: misdirected\n");
        }
    }
}

#[test]
fn the_client_is_whom_a_trusted_proxy_names() {
    let asked = Asked::new(
        "listeners:\n  web: { bind: \"127.0.0.1:8080\", client_header: X-Forwarded-For, trusted_proxies: [10.0.0.1] }\n\
         nodes:\n  a: { address: 127.0.0.1 }\npersistence:\n  g: { by: source_ip }\npools:\n  \
         site: { nodes: [a], port: 80 }\nroutes:\n  - { listener: web, pool: site, persistence: g }\nadmin: null\n",
    );
    for (from, client) in [("10.0.0.1", "192.0.2.7"), ("10.0.0.2", "10.0.0.2")] {
        let header = "X-Forwarded-For: 192.0.2.7";
        let told = asked.json(&["--client", from, "--header", header, "GET", "http://h:8080/"]);
        assert_eq!((&told["client"], &told["key"]), (&client.into(), &client.into()), "{from}");
    }
}
