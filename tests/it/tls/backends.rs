//! Backends over TLS: which of them are believed, and which certificate they are shown.

use super::{Authority, towards};
use crate::support::client::{get, once};
use crate::support::edge::{Edge, command, finish, said, write};
use crate::support::farm::{ONE_PROBE, single};
use crate::support::http::{Wire, answer};
use crate::support::origin::{Conn, Origin};
use rcgen::{CertificateParams, KeyPair};
use rustix::process::Signal;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// An origin with this side of TLS, which answers every request with a marker and whom it sees.
fn origin(config: Arc<ServerConfig>) -> Origin {
    Origin::start(move |conn: Conn| {
        let session = ServerConnection::new(config.clone()).unwrap();
        let mut wire = Wire::new(StreamOwned::new(session, conn.wire.stream));
        while let Ok(Some(_head)) = wire.head() {
            let shown = wire.stream.conn.peer_certificates().and_then(|chain| chain.first());
            let shown: String =
                shown.iter().flat_map(|der| der.iter()).map(|byte| format!("{byte:02x}")).collect();
            let _ = wire.send(&answer("200 OK", "", format!("MARKER {shown}").as_bytes()));
        }
    })
}

#[test]
fn nothing_comes_from_a_backend_that_is_not_believed() {
    let (authority, stranger) = (Authority::new(), Authority::called("authority.test"));
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["portal.test".to_owned()]).unwrap().self_signed(&key).unwrap();
    let backends = [
        ("expired", origin(authority.expired_server("portal.test"))),
        ("wrong-name", origin(authority.server("other.test"))),
        ("self-signed", origin(Authority::serving(&own, &key))),
        ("unknown-authority", origin(stranger.server("portal.test"))),
        ("good", origin(authority.server("portal.test"))),
    ];
    let mut yaml =
        "listeners:\n  web: { bind: \"127.0.0.1:0\" }\nnodes:\n  one: { address: 127.0.0.1 }\n".to_owned();
    yaml.push_str("pools:\n");
    for (what, origin) in &backends {
        yaml.push_str(&format!(
            "  {what}: {{ {ONE_PROBE}, tls: {{ server_name: portal.test, ca: \"{}\" }}, nodes: [ {{ node: one, port: {} }} ] }}\n",
            authority.path("ca.pem"),
            origin.port(0)
        ));
    }
    yaml.push_str("routes:\n");
    for (what, _) in &backends {
        yaml.push_str(&format!("  - {{ listener: web, pool: {what}, path: /{what} }}\n"));
    }
    let edge = Edge::start(&yaml);
    for (what, origin) in &backends {
        let response = once(edge.address("web"), get(&format!("/{what}")));
        let believed = *what == "good";
        assert_eq!(response.status(), if believed { 200 } else { 502 }, "{what}");
        assert_eq!(response.text().contains("MARKER"), believed, "{what}");
        if !believed {
            assert!(origin.requests().is_empty(), "{what}");
            let entry = edge.next_request(|entry| entry["pool"] == *what);
            assert_eq!(entry["failure"], "tls_failed", "{what}: {entry}");
        }
    }
}

#[test]
fn a_backend_that_speaks_only_an_old_version_is_502() {
    let authority = Authority::new();
    authority.issue("portal.test");
    let mut server = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0", "-www"])
        .args(["-cert", &authority.path("portal.test.pem"), "-key", &authority.path("portal.test.key")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl");
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
    let port = lines.find_map(|line| line.strip_prefix("ACCEPT 127.0.0.1:")?.parse::<u16>().ok());
    let unused = Origin::refusing(1, |_| {});
    let yaml = towards(&unused, "portal.test", &authority)
        .replace(&format!("port: {}", unused.port(0)), &format!("port: {}", port.expect("its port")));
    let edge = Edge::start(&yaml);
    once(edge.address("web"), get("/x")).expect(502);
    let entry = edge.next_request(|_| true);
    assert_eq!(entry["failure"], "tls_failed", "{entry}");
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn the_name_of_a_backend_is_never_empty() {
    let authority = Authority::new();
    let origin = Origin::refusing(1, |_| {});
    for name in ["\"\"", "null", "\" \""] {
        let folder = tempfile::tempdir().unwrap();
        let file = write(folder.path(), "edge.yaml", &towards(&origin, name, &authority));
        let output = finish(command(["check"]).arg(file));
        assert_eq!(output.status.code(), Some(1), "{name}: {}", said(&output));
        assert!(said(&output).contains("server_name"), "{name}: {}", said(&output));
    }
}

/// An origin that wants a certificate of an authority's, and tells which it saw.
fn demanding(authority: &Authority, clients: &Authority) -> Origin {
    let (certificate, key) = authority.issue("portal.test");
    let mut roots = RootCertStore::empty();
    roots.add(clients.issuer.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    origin(Arc::new(config))
}

fn hex(certificate: &rcgen::Certificate) -> String {
    certificate.der().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_backend_that_asks_is_shown_the_edges_own_certificate() {
    let (authority, clients) = (Authority::new(), Authority::called("clients"));
    let (first, _) = clients.issue("edge.test");
    let origin = demanding(&authority, &clients);
    let tls = |own: &str| {
        format!("tls: {{ server_name: portal.test, ca: \"{}\"{own} }},", authority.path("ca.pem"))
    };
    let without = Edge::start(&single(&origin, &tls(""), ""));
    once(without.address("web"), get("/x")).expect(502);
    assert!(origin.requests().is_empty());

    let yaml = single(&origin, &tls(&format!(", {}", clients.pair("edge.test"))), "");
    let edge = Edge::start(&yaml);
    let web = edge.address("web");
    let told = |edge: &Edge| once(edge.address("web"), get("/x")).expect(200).text();
    for _ in 0..3 {
        assert_eq!(told(&edge), format!("MARKER {}", hex(&first)));
    }
    assert!(edge.metrics().value("upstream_reuses_total", &[]) > 0.0, "connections are kept");
    for (file, kind) in [("edge.test.pem", "certificate"), ("ca.pem", "ca")] {
        let labels = [("pool", "app"), ("listener", ""), ("certificate", file), ("kind", kind)];
        assert!(edge.metrics().value("certificate_expiry_timestamp_seconds", &labels) > 1e9);
    }

    // After a change nobody's request goes out over a connection that stands for the old certificate.
    let key = KeyPair::generate().unwrap();
    let (second, _) = clients.issue_as("new", key, "edge.test", |_| {});
    clients.replace("edge.test", "new");
    edge.signal(Signal::HUP);
    edge.event("certificate_reloaded", |event| event["pool"] == "app");
    for _ in 0..3 {
        assert_eq!(told(&edge), format!("MARKER {}", hex(&second)));
    }
    let labels = [("pool", "app"), ("listener", ""), ("result", "ok")];
    assert_eq!(edge.metrics().value("certificate_reloads_total", &labels), 1.0);
    once(web, get("/x")).expect(200);
}
