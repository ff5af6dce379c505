//! TLS on both sides.

mod backends;
mod certificates;
mod clients;
mod misdirected;
mod reload;
mod visitor;

use crate::support::PATIENCE;
use crate::support::client::{Client, all_but_the_one_closed, get, once};
use crate::support::edge::{Edge, Keys, command, finish, said, stopped, write};
use crate::support::farm::single;
use crate::support::http::{Wire, answer};
use crate::support::origin::{Conn, Origin};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use rustix::process::Signal;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;
use tempfile::TempDir;

/// A certificate authority with a folder for its files.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub fn new() -> Authority {
        Authority::called("authority.test")
    }

    pub fn called(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "ca.pem", &issuer.pem());
        Authority { issuer, folder }
    }

    pub fn path(&self, file: &str) -> String {
        self.folder.path().join(file).display().to_string()
    }

    /// A certificate for a name; its files are `NAME.pem` and `NAME.key`.
    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        self.issue_as(name, KeyPair::generate().unwrap(), name, |params| {
            params.distinguished_name.push(DnType::CommonName, name);
        })
    }

    /// A certificate for a name and a key, changed by `change`; its files are `FILE.pem` and `FILE.key`.
    fn issue_as(
        &self,
        file: &str,
        key: KeyPair,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        write(self.folder.path(), &format!("{file}.pem"), &certificate.pem());
        write(self.folder.path(), &format!("{file}.key"), &key.serialize_pem());
        (certificate, key)
    }

    /// The files of a certificate and its key, as a configuration names them.
    fn pair(&self, file: &str) -> String {
        let (certificate, key) = (self.path(&format!("{file}.pem")), self.path(&format!("{file}.key")));
        format!("certificate: \"{certificate}\", key: \"{key}\"")
    }

    /// Puts a certificate and its key in the place of another's, as a tool that renews them does.
    fn replace(&self, file: &str, by: &str) {
        for end in ["pem", "key"] {
            std::fs::rename(self.path(&format!("{by}.{end}")), self.path(&format!("{file}.{end}"))).unwrap();
        }
    }

    /// An origin that speaks TLS under a name and tells the name it was asked for.
    fn origin(&self, name: &str) -> Origin {
        let config = self.server(name);
        Origin::start(move |conn: Conn| {
            let session = ServerConnection::new(config.clone()).unwrap();
            let mut wire = Wire::new(StreamOwned::new(session, conn.wire.stream));
            while let Ok(Some(_head)) = wire.head() {
                let asked = wire.stream.conn.server_name().unwrap_or("nobody").to_owned();
                let _ = wire.send(&answer("200 OK", "", asked.as_bytes()));
            }
        })
    }

    /// An origin whose body lasts to the connection's end, which comes with TLS's good-bye or without.
    fn ending(&self, goodbye: bool) -> Origin {
        let config = self.server("portal.test");
        Origin::start(move |conn: Conn| {
            let session = ServerConnection::new(config.clone()).unwrap();
            let mut wire = Wire::new(StreamOwned::new(session, conn.wire.stream));
            if let Ok(Some(_head)) = wire.head() {
                let _ = wire.send(b"HTTP/1.1 200 OK\r\n\r\ncontent");
                if goodbye {
                    wire.stream.conn.send_close_notify();
                    let _ = wire.stream.conn.complete_io(&mut wire.stream.sock);
                }
            }
        })
    }

    pub fn server(&self, name: &str) -> Arc<ServerConfig> {
        let (certificate, key) = self.issue(name);
        Self::serving(&certificate, &key)
    }

    /// A server whose certificate ran out long ago.
    pub fn expired_server(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        Self::serving(&params.signed_by(&key, &self.issuer).unwrap(), &key)
    }

    fn serving(certificate: &rcgen::Certificate, key: &KeyPair) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }
}

fn curl(edge: &Edge, authority: &Authority, arguments: &[&str]) -> std::process::Output {
    let port = edge.address("web").port();
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-i", "--max-time", "25", "--noproxy", "*", "--cacert", &authority.path("ca.pem")])
        .args(["--resolve", &format!("mim.test:{port}:127.0.0.1")])
        .args(arguments)
        .arg(format!("https://mim.test:{port}/page"));
    finish(&mut curl)
}

/// A configuration whose listener speaks TLS. `tls`: the inside of the YAML flow mapping.
fn over_tls(yaml: &str, tls: &str) -> String {
    yaml.replacen("\"127.0.0.1:0\"", &format!("\"127.0.0.1:0\", tls: {{ {tls} }}"), 1)
}

/// The configuration of a listener that speaks TLS as `mim.test`.
fn secured(yaml: &str, authority: &Authority) -> String {
    authority.issue("mim.test");
    let tls = format!(
        "\"127.0.0.1:0\", tls: {{ certificates: [ {{ certificate: \"{}\", key: \"{}\" }} ] }}",
        authority.path("mim.test.pem"),
        authority.path("mim.test.key")
    );
    yaml.replace("\"127.0.0.1:0\"", &tls)
}

#[test]
fn a_listener_speaks_tls() {
    let authority = Authority::new();
    let origin = Origin::answering(|request| answer("200 OK", "", request.head.raw.as_slice()));
    let edge = Edge::start(&secured(&single(&origin, "", ""), &authority));
    for version in [&["--http1.1", "--tlsv1.2", "--tls-max", "1.2"][..], &["--http1.1", "--tlsv1.3"], &[]] {
        let output = curl(&edge, &authority, version);
        assert!(output.status.success(), "{version:?}: {}", said(&output));
        let said = said(&output);
        assert!(said.contains(" 200"), "{said}");
        let said = said.to_lowercase();
        assert!(said.contains("x-forwarded-proto: https\r\n"), "{said}");
        assert!(said.contains(&format!("host: mim.test:{}\r\n", edge.address("web").port())), "{said}");
    }
    let stranger = Authority::called("stranger.test");
    let output = curl(&edge, &stranger, &[]);
    assert_eq!(output.status.code(), Some(60), "curl must not trust it: {}", said(&output));
    let output = curl(&edge, &authority, &["--tls-max", "1.1", "--tlsv1.0"]);
    assert!(!output.status.success(), "TLS 1.1 is no more: {}", said(&output));
}

#[test]
fn plain_http_on_a_tls_port_gets_nothing() {
    let authority = Authority::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"MARKER"));
    let edge = Edge::start(&secured(&single(&origin, "", ""), &authority));
    let mut client = Client::connect(edge.address("web"));
    client.send(get("/x"));
    let said = client.wire.rest().unwrap_or_default();
    assert!(!String::from_utf8_lossy(&said).contains("MARKER"));
    assert!(origin.requests().is_empty());
}

#[test]
fn a_handshake_that_never_comes_ends_like_a_head_that_never_comes() {
    let authority = Authority::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let edge = Edge::start(&secured(&single(&origin, "", "limits: { header_timeout: 1s }\n"), &authority));
    let mut silent = Client::connect(edge.address("web"));
    let mut begun = Client::connect(edge.address("web"));
    begun.send([0x16, 0x03, 0x01]);
    silent.expect_closed();
    begun.expect_closed();
}

#[test]
fn connections_without_a_handshake_count() {
    let authority = Authority::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let limits = "limits: { connections: 2, header_timeout: 10m }\n";
    let edge = Edge::start(&secured(&single(&origin, "", limits), &authority));
    let web = edge.address("web");
    let two = all_but_the_one_closed([(); 3].map(|()| Client::connect(web)));
    // And they count no longer once they are gone.
    two[0].wire.stream.shutdown(std::net::Shutdown::Both).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !curl(&edge, &authority, &[]).status.success() {
        assert!(Instant::now() < deadline, "the place is never free again");
    }
}

#[test]
fn a_handshake_that_never_comes_holds_no_stop() {
    let authority = Authority::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let more = "limits: { connections: 1, header_timeout: 10m }\nshutdown: { grace: 10m }\n";
    let mut edge = Edge::start(&secured(&single(&origin, "", more), &authority));
    // One is refused: so the other one has its place.
    let mut silent = all_but_the_one_closed([(); 2].map(|()| Client::connect(edge.address("web"))));
    edge.signal(Signal::TERM);
    assert_eq!(edge.wait_exit().code(), Some(0));
    silent[0].expect_closed();
}

#[test]
fn the_cookie_is_secure_over_tls() {
    let authority = Authority::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let keys = Keys::new();
    let yaml = single(&origin, "", "").replace("pool: app }", "pool: app, persistence: site }");
    let group = format!(
        "persistence:\n  site: {{ by: cookie, cookie: {{ name: EDGE, keys: [ \"{}\" ] }} }}\n",
        keys.path().display()
    );
    let edge = Edge::start(&secured(&format!("{yaml}{group}"), &authority));
    let output = curl(&edge, &authority, &[]);
    let said = said(&output).to_lowercase();
    let cookie = said.lines().find(|line| line.starts_with("set-cookie: edge=")).expect(&said);
    assert!(cookie.split(';').any(|attribute| attribute.trim() == "secure"), "{cookie}");
}

/// A pool whose backend speaks TLS.
fn towards(origin: &Origin, server_name: &str, ca: &Authority) -> String {
    let tls = format!("tls: {{ server_name: {server_name}, ca: \"{}\" }},", ca.path("ca.pem"));
    single(origin, &tls, "")
}

#[test]
fn a_backend_is_reached_over_tls_under_its_name() {
    let authority = Authority::new();
    let origin = authority.origin("portal.test");
    let edge = Edge::start(&towards(&origin, "portal.test", &authority));
    for _ in 0..5 {
        let response = once(edge.address("web"), get("/x")).expect(200);
        assert_eq!(response.text(), "portal.test", "the name is sent as SNI");
    }
}

#[test]
fn a_body_that_lasts_to_the_end_needs_the_backends_goodbye() {
    let authority = Authority::new();
    for whole in [true, false] {
        let origin = authority.ending(whole);
        let edge = Edge::start(&towards(&origin, "portal.test", &authority));
        let mut client = Client::connect(edge.address("web"));
        client.send(get("/x"));
        client.wire.head().unwrap().unwrap();
        assert_eq!(client.wire.exactly(7).unwrap(), b"content");
        if whole {
            assert_eq!(client.wire.rest().unwrap(), b"");
        } else {
            client.expect_reset();
        }
    }
}

#[test]
fn a_backend_with_the_wrong_certificate_is_502() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let origin = authority.origin("portal.test");
    for (what, name, ca) in
        [("wrong name", "other.test", &authority), ("untrusted", "portal.test", &stranger)]
    {
        let edge = Edge::start(&towards(&origin, name, ca));
        once(edge.address("web"), get("/x")).expect(502);
        let entry = edge.next_request(|_| true);
        assert!(entry["failure"].is_string(), "{what}: {entry}");
    }
}

#[test]
fn verification_is_off_only_where_it_is_written() {
    let authority = Authority::new();
    let origin = authority.origin("portal.test");
    let edge = Edge::start(&single(&origin, "tls: { server_name: other.test, verify: false },", ""));
    let response = once(edge.address("web"), get("/x")).expect(200);
    assert_eq!(response.text(), "other.test");
}

#[test]
fn nobody_has_to_read_the_messages() {
    let authority = Authority::new();
    let origin = Origin::answering(|_| answer("200 OK", "", b"ok"));
    let folder = tempfile::tempdir().unwrap();
    let yaml = secured(&single(&origin, "", "log: { level: debug }\n"), &authority);
    let mut child = command(["run", "--config"])
        .arg(write(folder.path(), "edge.yaml", &yaml))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let listening = events.find(|line| line.contains("\"listening\"")).unwrap();
    let listening: serde_json::Value = serde_json::from_str(&listening).unwrap();
    let web = listening["address"].as_str().unwrap().parse().unwrap();
    // Each failed handshake is told in more than a hundred bytes: together more than a pipe holds.
    for _ in 0..1500 {
        let mut client = Client::connect(web);
        client.send("this is no handshake\r\n\r\n");
        if let Err(error) = client.wire.rest() {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the edge is silent: {error}");
        }
    }
    assert_eq!(stopped(child), Some(0));
}
