//! Which certificate a client is shown, and by which version of TLS.

use super::visitor::{VERSIONS, Visitor, config, last, s_client};
use super::{Authority, over_tls};
use crate::support::edge::{Edge, finish, said};
use crate::support::farm::single;
use crate::support::http::answer;
use crate::support::origin::Origin;
use rcgen::{DnType, KeyPair};
use std::process::Command;

fn origin() -> Origin {
    Origin::answering(|_| answer("200 OK", "", b"served"))
}

/// An RSA key, which OpenSSL makes.
fn rsa() -> KeyPair {
    let output = finish(Command::new("openssl").args([
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
    ]));
    KeyPair::from_pem(&String::from_utf8(output.stdout).unwrap()).unwrap()
}

/// A listener with several certificates, in this order.
fn showing(authority: &Authority, origin: &Origin, files: &[&str], more: &str) -> Edge {
    let pairs: Vec<String> = files.iter().map(|file| format!("{{ {} }}", authority.pair(file))).collect();
    Edge::start(&over_tls(&single(origin, "", ""), &format!("certificates: [ {} ]{more}", pairs.join(", "))))
}

#[test]
fn the_name_chooses_the_certificate() {
    let authority = Authority::new();
    let mut issued = Vec::new();
    for name in ["first.test", "*.wild.test", "exact.wild.test"] {
        let key = KeyPair::generate().unwrap();
        issued.push(authority.issue_as(&name.replace('*', "any"), key, name, |_| {}).0.der().to_vec());
    }
    let origin = origin();
    let edge = showing(&authority, &origin, &["first.test", "any.wild.test", "exact.wild.test"], "");
    let config = config(&authority, &VERSIONS, None);
    for (name, place) in
        [("first.test", 0), ("a.wild.test", 1), ("b.wild.test", 1), ("exact.wild.test", 2), ("FIRST.test", 0)]
    {
        let mut visitor = Visitor::connect(edge.address("web"), name, &config);
        assert_eq!(visitor.certificate(), issued[place], "{name}");
        assert_eq!(visitor.get(name).expect(200).text(), "served");
    }
    // A name that no certificate is for gets the first one, which its client does not accept.
    for arguments in [&["-servername", "two.labels.wild.test"][..], &["-noservername"]] {
        let output = s_client(&edge, &authority, arguments, &last("two.labels.wild.test"));
        let said = said(&output);
        assert!(said.contains("DNS:first.test") || said.contains("HTTP/1.1 200"), "{said}");
    }
}

#[test]
fn clients_get_a_key_that_they_understand_by_every_version_that_is_spoken() {
    let authority = Authority::new();
    let named = |name: &'static str| {
        move |params: &mut rcgen::CertificateParams| params.distinguished_name.push(DnType::CommonName, name)
    };
    authority.issue_as("rsa", rsa(), "mim.test", named("with rsa"));
    authority.issue_as("ecdsa", KeyPair::generate().unwrap(), "mim.test", named("with ecdsa"));
    let origin = origin();
    let edge = showing(&authority, &origin, &["rsa", "ecdsa"], "");
    let ask = |arguments: &[&str]| {
        let arguments = [&["-servername", "mim.test"], arguments].concat();
        said(&s_client(&edge, &authority, &arguments, &last("mim.test")))
    };
    for (arguments, expected) in [
        (&["-tls1_3"][..], "with ecdsa"),
        (&["-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256"], "with rsa"),
        (&["-tls1_3", "-sigalgs", "ecdsa_secp256r1_sha256"], "with ecdsa"),
        (&["-tls1_2"], "with ecdsa"),
        (&["-tls1_2", "-sigalgs", "RSA+SHA256"], "with rsa"),
        (&["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], "with rsa"),
    ] {
        let said = ask(arguments);
        assert!(said.contains(&format!("subject=CN = {expected}\n")), "{arguments:?}: {said}");
        assert!(said.contains("HTTP/1.1 200 "), "{arguments:?}: {said}");
    }
    assert!(ask(&["-tls1_3", "-alpn", "h3,http/1.1"]).contains("ALPN protocol: http/1.1"));
    let said = ask(&["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]);
    assert!(said.contains("SSL alert number") && !said.contains("HTTP/1.1"), "{said}");
}

#[test]
fn the_oldest_version_can_be_raised() {
    let authority = Authority::new();
    authority.issue("mim.test");
    let origin = origin();
    let edge = showing(&authority, &origin, &["mim.test"], ", min_version: \"1.3\"");
    let ask = |version| {
        said(&s_client(&edge, &authority, &["-servername", "mim.test", version], &last("mim.test")))
    };
    assert!(ask("-tls1_3").contains("HTTP/1.1 200 "));
    let said = ask("-tls1_2");
    assert!(said.contains("alert protocol version") && !said.contains("HTTP/1.1"), "{said}");
    let failed = edge
        .metrics()
        .value("downstream_connections_refused_total", &[("listener", "web"), ("reason", "tls_handshake")]);
    assert_eq!(failed, 1.0);
}

#[test]
fn sessions_resume() {
    let authority = Authority::new();
    authority.issue("mim.test");
    let origin = origin();
    let edge = showing(&authority, &origin, &["mim.test"], "");
    let folder = tempfile::tempdir().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let file = folder.path().join(version).display().to_string();
        let ask = |what| {
            let arguments = ["-servername", "mim.test", version, what, &file];
            said(&s_client(&edge, &authority, &arguments, &last("mim.test")))
        };
        assert!(ask("-sess_out").contains("New, TLSv1."));
        // On whichever worker the connection comes.
        for _ in 0..4 {
            let said = ask("-sess_in");
            assert!(said.contains("Reused, TLSv1.") && said.contains("HTTP/1.1 200 "), "{said}");
        }
    }
}
