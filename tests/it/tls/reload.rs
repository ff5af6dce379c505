//! Files of certificates, keys and authorities that change while the edge runs.

use super::visitor::{VERSIONS, Visitor, config, is_served};
use super::{Authority, over_tls};
use crate::support::edge::{Edge, write};
use crate::support::farm::single;
use crate::support::http::answer;
use crate::support::origin::Origin;
use rcgen::KeyPair;
use rustix::process::Signal;

const SITE: [(&str, &str); 1] = [("listener", "web")];

fn served() -> Origin {
    Origin::answering(|_| answer("200 OK", "", b"served"))
}

fn edge(origin: &Origin, authority: &Authority, more: &str) -> Edge {
    let tls = format!("certificates: [ {{ {} }} ]{more}", authority.pair("mim.test"));
    Edge::start(&over_tls(&single(origin, "", ""), &tls))
}

/// A new certificate for the same name; its files replace those of the old one. Its DER.
fn renew(authority: &Authority, year: i32) -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    let (certificate, _) = authority.issue_as("new", key, "mim.test", |params| {
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
    });
    authority.replace("mim.test", "new");
    certificate.der().to_vec()
}

fn reloads(edge: &Edge, result: &str) -> f64 {
    edge.metrics().value("certificate_reloads_total", &[SITE[0], ("result", result)])
}

fn year(edge: &Edge, labels: &[(&str, &str)]) -> i32 {
    let expires = edge.metrics().value("certificate_expiry_timestamp_seconds", labels);
    1970 + ((expires + 86_400.0) / 31_556_952.0) as i32
}

#[test]
fn new_connections_get_the_new_certificate_and_old_ones_live_on() {
    let authority = Authority::new();
    let old = authority.issue("mim.test").0.der().to_vec();
    let origin = served();
    let edge = edge(&origin, &authority, "");
    let certificate = [SITE[0], ("pool", ""), ("certificate", "mim.test.pem"), ("kind", "certificate")];
    assert!(year(&edge, &certificate) > 4000, "rcgen's certificates last");
    for versions in [&VERSIONS[..1], &VERSIONS[1..]] {
        let client = config(&authority, versions, None);
        let mut before = Visitor::connect(edge.address("web"), "mim.test", &client);
        before.get("mim.test").expect(200);

        let new = renew(&authority, 2100);
        edge.signal(Signal::HUP);
        edge.event("certificate_reloaded", |event| event["listener"] == "web");

        before.get("mim.test").expect(200);
        let fresh = config(&authority, versions, None);
        let mut after = Visitor::connect(edge.address("web"), "mim.test", &fresh);
        assert_eq!(after.certificate(), new);
        assert_ne!(after.certificate(), old);
        after.get("mim.test").expect(200);
        // What the sessions stand for has not changed.
        let mut resumed = Visitor::connect(edge.address("web"), "mim.test", &client);
        assert!(resumed.is_resumed());
        resumed.get("mim.test").expect(200);
    }
    assert_eq!(year(&edge, &certificate), 2100);
    assert_eq!((reloads(&edge, "ok"), reloads(&edge, "failed")), (2.0, 0.0));
}

#[test]
fn a_change_is_noticed_without_a_signal() {
    let authority = Authority::new();
    authority.issue("mim.test");
    let origin = served();
    let edge = edge(&origin, &authority, "");
    let new = renew(&authority, 2100);
    edge.event("certificate_reloaded", |event| event["listener"] == "web");
    let visitor = Visitor::connect(edge.address("web"), "mim.test", &config(&authority, &VERSIONS, None));
    assert_eq!(visitor.certificate(), new);
}

#[test]
fn what_is_half_there_or_does_not_belong_together_is_not_taken() {
    let authority = Authority::new();
    let old = authority.issue("mim.test").0.der().to_vec();
    let origin = served();
    let edge = edge(&origin, &authority, "");
    let shown = || {
        Visitor::connect(edge.address("web"), "mim.test", &config(&authority, &VERSIONS, None)).certificate()
    };
    let (certificate, key) = authority.issue_as("new", KeyPair::generate().unwrap(), "mim.test", |_| {});
    let pem = certificate.pem();
    let folder = authority.folder.path();
    for (file, content, why) in [
        ("mim.test.pem", &pem[..pem.len() / 2], "cannot be read"),
        ("mim.test.pem", "", "holds no certificate"),
        // The certificate is there and its key is not yet.
        ("mim.test.pem", &pem[..], "do not belong together"),
    ] {
        write(folder, file, content);
        edge.signal(Signal::HUP);
        let event = edge.event("certificate_reload_failed", |event| event["listener"] == "web");
        assert!(event["reason"].as_str().unwrap().contains(why), "{event}");
        assert_eq!(shown(), old, "{why}");
    }
    assert_eq!((reloads(&edge, "ok"), reloads(&edge, "failed")), (0.0, 3.0));
    assert_eq!(edge.message("the certificates and keys in use are kept"), 3);
    write(folder, "mim.test.key", &key.serialize_pem());
    edge.signal(Signal::HUP);
    edge.event("certificate_reloaded", |event| event["listener"] == "web");
    assert_eq!(shown(), certificate.der().to_vec());
    assert_eq!((reloads(&edge, "ok"), reloads(&edge, "failed")), (1.0, 3.0));
}

#[test]
fn sessions_do_not_outlive_the_authorities_that_let_them_in() {
    let (authority, first, second) = (Authority::new(), Authority::called("a"), Authority::called("b"));
    authority.issue("mim.test");
    first.issue("alice");
    second.issue("alice");
    let origin = served();
    for versions in [&VERSIONS[..1], &VERSIONS[1..]] {
        let asked = write(authority.folder.path(), "clients.pem", &first.issuer.pem());
        let edge = edge(&origin, &authority, &format!(", client_ca: \"{}\"", asked.display()));
        let told = [SITE[0], ("certificate", "clients.pem"), ("kind", "ca")];
        assert!(year(&edge, &told) > 2026);
        let of_first = config(&authority, versions, Some((&first, "alice")));
        let of_second = config(&authority, versions, Some((&second, "alice")));
        let mut open = Visitor::connect(edge.address("web"), "mim.test", &of_first);
        open.get("mim.test").expect(200);
        let mut resumed = Visitor::connect(edge.address("web"), "mim.test", &of_first);
        assert!(resumed.is_resumed());
        resumed.get("mim.test").expect(200);
        assert!(!is_served(&edge, "mim.test", &of_second));

        write(authority.folder.path(), "clients.pem", &second.issuer.pem());
        edge.signal(Signal::HUP);
        edge.event("certificate_reloaded", |event| event["listener"] == "web");
        open.get("mim.test").expect(200);
        assert!(!is_served(&edge, "mim.test", &of_first), "with the session of an authority of the past");
        assert!(is_served(&edge, "mim.test", &of_second));
    }
}
