//! Certificates of clients, and what backends are told of them.

use super::visitor::{VERSIONS, Visitor, config, is_served, last, s_client};
use super::{Authority, curl, over_tls};
use crate::support::client::{get, once};
use crate::support::edge::{Edge, said};
use crate::support::farm::single;
use crate::support::http::answer;
use crate::support::origin::Origin;
use rcgen::{DnType, KeyPair};
use std::io;

const HEADER: &str = "x-client-cert-subject";

/// The listener `web`, which asks for certificates of `clients`' authority, and `plain`, which leads to the same pool.
fn asking(origin: &Origin, authority: &Authority, clients: &Authority, more: &str) -> Edge {
    authority.issue("mim.test");
    let tls = format!(
        "certificates: [ {{ {} }} ], client_ca: \"{}\"{more}",
        authority.pair("mim.test"),
        clients.path("ca.pem")
    );
    let yaml = over_tls(&single(origin, "", ""), &tls)
        .replace("nodes:\n  one", "  plain: { bind: \"127.0.0.1:0\" }\nnodes:\n  one")
        .replace("pool: app }\n", "pool: app }\n  - { listener: plain, pool: app }\n");
    Edge::start(&yaml)
}

fn echo() -> Origin {
    Origin::answering(|request| {
        let told =
            request.head.headers.iter().filter(|(name, _)| name.to_ascii_lowercase().contains("subject"));
        let told: Vec<String> = told.map(|(name, value)| format!("{name}={value}")).collect();
        answer("200 OK", "", told.join("\n").as_bytes())
    })
}

fn person(authority: &Authority, name: &'static str) {
    authority.issue_as(name, KeyPair::generate().unwrap(), "person.test", |params| {
        params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
        params.distinguished_name.push(DnType::CommonName, name);
    });
}

fn refused(edge: &Edge) -> f64 {
    let labels = [("listener", "web"), ("reason", "client_certificate")];
    edge.metrics().find("downstream_connections_refused_total", &labels).unwrap_or(0.0)
}

/// Waits until so many handshakes were refused for the client's certificate: a client learns of it before.
#[track_caller]
fn until_refused(edge: &Edge, count: f64) {
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    while refused(edge) < count {
        assert!(std::time::Instant::now() < deadline, "{} of {count}", refused(edge));
    }
    assert_eq!(refused(edge), count);
}

#[test]
fn a_required_certificate_is_required_and_told() {
    let (authority, clients, strangers) = (Authority::new(), Authority::called("a"), Authority::called("b"));
    person(&clients, "Alice");
    person(&strangers, "Alice");
    let key = KeyPair::generate().unwrap();
    clients.issue_as("expired", key, "person.test", |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let origin = echo();
    let edge = asking(&origin, &authority, &clients, "");
    let mut turned_away = 0.0;
    for versions in [&VERSIONS[..1], &VERSIONS[1..]] {
        for own in [None, Some((&strangers, "Alice")), Some((&clients, "expired"))] {
            assert!(
                !is_served(&edge, "mim.test", &config(&authority, versions, own)),
                "{own:?}",
                own = own.map(|own| own.1)
            );
            turned_away += 1.0;
            until_refused(&edge, turned_away);
        }
        let config = config(&authority, versions, Some((&clients, "Alice")));
        // The second one resumes the first one's session, and is the same person.
        for resumed in [false, true] {
            let mut visitor = Visitor::connect(edge.address("web"), "mim.test", &config);
            let response = visitor.get("mim.test").expect(200);
            assert_eq!(response.text(), "X-Client-Cert-Subject=CN=Alice,O=Example\\, Inc.");
            assert_eq!(visitor.is_resumed(), resumed);
        }
    }
    assert!(origin.requests().iter().all(|request| request.head.value(HEADER).is_some()));
    let said = said(&s_client(&edge, &authority, &["-servername", "mim.test", "-tls1_3"], &last("mim.test")));
    assert!(said.contains("alert certificate required"), "{said}");
    let alice = [clients.path("Alice.pem"), clients.path("Alice.key")];
    let output = curl(&edge, &authority, &["--cert", &alice[0], "--key", &alice[1]]);
    assert!(output.status.success());
}

#[test]
fn a_requested_certificate_may_be_missing_but_not_wrong() {
    let (authority, clients, strangers) = (Authority::new(), Authority::called("a"), Authority::called("b"));
    person(&clients, "Alice");
    person(&strangers, "Alice");
    let origin = echo();
    let edge = asking(&origin, &authority, &clients, ", client_certificate: requested");
    for (own, expected) in
        [(None, ""), (Some((&clients, "Alice")), "X-Client-Cert-Subject=CN=Alice,O=Example\\, Inc.")]
    {
        let mut visitor =
            Visitor::connect(edge.address("web"), "mim.test", &config(&authority, &VERSIONS, own));
        assert_eq!(visitor.get("mim.test").expect(200).text(), expected);
    }
    let stranger = config(&authority, &VERSIONS, Some((&strangers, "Alice")));
    assert!(!is_served(&edge, "mim.test", &stranger));
    until_refused(&edge, 1.0);
}

#[test]
fn nobody_says_himself_who_he_is() {
    let (authority, clients) = (Authority::new(), Authority::called("a"));
    person(&clients, "Mallory");
    let origin = echo();
    let more = ", client_certificate: requested, client_subject_header: X-Cert-Subject";
    let edge = asking(&origin, &authority, &clients, more);
    let spellings = [
        "X-Cert-Subject",
        "x-cert-subject",
        "X_Cert_Subject",
        "X-CERT_SUBJECT",
        "X.Cert.Subject",
        "x~cert!subject",
    ];
    let lines: String = spellings.iter().map(|name| format!("{name}: CN=Alice\r\n")).collect();
    // Nothing is said of whoever shows no certificate, over TLS or without.
    let plain = get("/x").replace("\r\n\r\n", &format!("\r\n{lines}\r\n"));
    assert_eq!(once(edge.address("plain"), plain).expect(200).text(), "");
    let ask = |own| -> io::Result<String> {
        let config = config(&authority, &VERSIONS, own);
        let mut visitor = Visitor::try_connect(edge.address("web"), "mim.test", &config)?;
        Ok(visitor.try_get("mim.test", &lines)?.expect(200).text())
    };
    assert_eq!(ask(None).unwrap(), "");
    assert_eq!(ask(Some((&clients, "Mallory"))).unwrap(), "X-Cert-Subject=CN=Mallory,O=Example\\, Inc.");
    // What only looks like it is the client's own affair.
    let other = "X-Cert-Subjects: a\r\nXX-Cert-Subject: b\r\n";
    let plain = get("/x").replace("\r\n\r\n", &format!("\r\n{other}\r\n"));
    assert_eq!(once(edge.address("plain"), plain).expect(200).text(), "X-Cert-Subjects=a\nXX-Cert-Subject=b");
}

#[test]
fn a_subject_cannot_be_read_as_another() {
    let (authority, clients) = (Authority::new(), Authority::called("a"));
    clients.issue_as("odd", KeyPair::generate().unwrap(), "person.test", |params| {
        params.distinguished_name.push(DnType::CommonName, " J\u{fc}rgen,O=Admins\r\nX-Cert: a ");
    });
    clients.issue_as("nameless", KeyPair::generate().unwrap(), "person.test", |_| {});
    let origin = echo();
    let edge = asking(&origin, &authority, &clients, "");
    for (own, expected) in [
        ("odd", "X-Client-Cert-Subject=CN=\\20J\\C3\\BCrgen\\,O=Admins\\0D\\0AX-Cert: a\\20"),
        ("nameless", ""),
    ] {
        let config = config(&authority, &VERSIONS, Some((&clients, own)));
        let mut visitor = Visitor::connect(edge.address("web"), "mim.test", &config);
        assert_eq!(visitor.get("mim.test").expect(200).text(), expected);
    }
}
