use super::super::upstream::ConnectError;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use std::io;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// An authority and a certificate of a node.
struct Node {
    roots: RootCertStore,
    params: CertificateParams,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Node {
    fn new(authority: &str) -> Node {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, authority);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(issuer.der().clone()).unwrap();
        Node { roots, params: CertificateParams::new(["mim.test".to_owned()]).unwrap(), issuer }
    }

    fn server(&self, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
        self.server_of(ring::default_provider(), versions)
    }

    fn server_of(
        &self,
        provider: CryptoProvider,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = self.params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap()
    }
}

fn client(
    roots: &RootCertStore,
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsConnector {
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// What a handshake under `name` with this server fails with.
async fn handshake(client: TlsConnector, name: &'static str, server: ServerConfig) -> String {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let accept = tokio::spawn(TlsAcceptor::from(Arc::new(server)).accept(theirs));
    let error = client.connect(ServerName::try_from(name).unwrap(), ours).await.unwrap_err();
    let _ = accept.await.unwrap();
    ConnectError::Tls(error).cause()
}

const BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

#[tokio::test]
async fn certificates() {
    let (mut node, stranger) = (Node::new("ours"), Node::new("theirs"));
    let trusting = |roots: &RootCertStore| client(roots, ring::default_provider(), BOTH);
    let cause = handshake(trusting(&stranger.roots), "mim.test", node.server(BOTH)).await;
    assert_eq!(cause, "the certificate is not trusted: unknown issuer");
    let cause = handshake(trusting(&Node::new("ours").roots), "mim.test", node.server(BOTH)).await;
    assert_eq!(cause, "the certificate is not trusted: another key than the issuer's has signed it");
    let cause = handshake(trusting(&node.roots), "portal.test", node.server(BOTH)).await;
    assert_eq!(cause, "the certificate is not for portal.test");
    let cause = handshake(trusting(&node.roots), "127.0.0.1", node.server(BOTH)).await;
    assert_eq!(cause, "the certificate is not for 127.0.0.1");
    node.params.not_after = date_time_ymd(2020, 1, 1);
    let cause = handshake(trusting(&node.roots), "mim.test", node.server(BOTH)).await;
    assert_eq!(cause, "the certificate has expired");
    (node.params.not_before, node.params.not_after) = (date_time_ymd(2048, 1, 1), date_time_ymd(2049, 1, 1));
    let cause = handshake(trusting(&node.roots), "mim.test", node.server(BOTH)).await;
    assert_eq!(cause, "the certificate is not valid yet");
}

#[tokio::test]
async fn versions_and_ciphers() {
    let node = Node::new("ours");
    let provider = ring::default_provider();
    for (ours, theirs) in [(&TLS12, &TLS13), (&TLS13, &TLS12)] {
        let cause =
            handshake(client(&node.roots, provider.clone(), &[ours]), "mim.test", node.server(&[theirs]));
        assert_eq!(cause.await, "no common TLS version or cipher");
    }
    let with = |wanted: fn(&SupportedCipherSuite) -> bool| {
        let mut provider = ring::default_provider();
        provider.cipher_suites.retain(wanted);
        provider
    };
    let ours = with(|suite| format!("{:?}", suite.suite()).contains("AES_128"));
    let theirs = with(|suite| format!("{:?}", suite.suite()).contains("AES_256"));
    let cause =
        handshake(client(&node.roots, ours, &[&TLS12]), "mim.test", node.server_of(theirs, &[&TLS12]));
    assert_eq!(cause.await, "no common TLS version or cipher");
}

#[tokio::test]
async fn a_port_that_speaks_something_else() {
    let node = Node::new("ours");
    for (said, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "TLS towards a port that does not speak it"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "TLS towards a port that does not speak it"),
        (b"", "the connection was closed in the TLS handshake"),
    ] {
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        theirs.write_all(said).await.unwrap();
        theirs.shutdown().await.unwrap();
        let client = client(&node.roots, ring::default_provider(), BOTH);
        let error = client.connect(ServerName::try_from("mim.test").unwrap(), ours).await.unwrap_err();
        assert_eq!(ConnectError::Tls(error).cause(), expected);
    }
}

#[test]
fn the_systems_words_come_without_its_numbers() {
    for (code, expected) in [
        (111, "connection refused"),
        (113, "no route to host"),
        (101, "no route to the network"),
        (110, "connection timed out"),
        (104, "connection reset"),
        (24, "Too many open files"),
    ] {
        assert_eq!(ConnectError::Tcp(io::Error::from_raw_os_error(code)).cause(), expected);
    }
    assert_eq!(ConnectError::TimedOut.cause(), "connection timed out");
    let reset = ConnectError::Tls(io::Error::from_raw_os_error(104));
    assert_eq!(reset.cause(), "connection reset in the TLS handshake");
}
