//! What the edge says itself, what it changes in what backends say, and how it reads paths.

mod fields;
mod pages;
mod paths;
mod redirect;

use crate::support::edge::{finish, said, write};
use crate::support::farm::ONE_PROBE;
use crate::support::origin::Origin;
use rcgen::{CertificateParams, KeyPair};
use std::fmt::Write;
use std::net::SocketAddr;
use std::process::Command;
use tempfile::TempDir;

/// A folder with a certificate for `mim.test`.
struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["mim.test".to_owned()]).unwrap().self_signed(&key).unwrap();
        folder.write("mim.pem", &certificate.pem());
        folder.write("mim.key", &key.serialize_pem());
        folder
    }

    /// Writes a file and tells its path.
    fn write(&self, name: &str, content: &str) -> String {
        write(self.0.path(), name, content).display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// The key `tls` of a listener.
    fn tls(&self) -> String {
        let (certificate, key) = (self.path("mim.pem"), self.path("mim.key"));
        format!(
            "tls: {{ certificates: [ {{ certificate: \"{certificate}\", key: \"{key}\" }} ] }}, http2: off"
        )
    }

    /// curl, which finds `mim.test` at port 80 and 8443 at these addresses.
    #[track_caller]
    fn curl(&self, plain: SocketAddr, tls: SocketAddr, arguments: &[&str]) -> String {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "25", "--noproxy", "*", "--cacert", &self.path("mim.pem")])
            .args(["--connect-to", &format!("mim.test:80:{plain}")])
            .args(["--connect-to", &format!("mim.test:8443:{tls}")])
            .args(arguments);
        let output = finish(&mut curl);
        assert!(output.status.success(), "curl {arguments:?}: {}", said(&output));
        said(&output)
    }
}

/// Listeners (each the inside of a mapping beside its address), a pool for each origin, and routes.
fn configured(listeners: &[(&str, &str)], pools: &[(&str, &Origin, &str)], routes: &[&str]) -> String {
    let mut yaml = "listeners:\n".to_owned();
    for (name, settings) in listeners {
        writeln!(yaml, "  {name}: {{ bind: \"127.0.0.1:0\", {settings} }}").unwrap();
    }
    yaml.push_str("nodes:\n  one: { address: 127.0.0.1 }\n");
    if !pools.is_empty() {
        yaml.push_str("pools:\n");
    }
    for (name, origin, settings) in pools {
        let port = origin.port(0);
        writeln!(yaml, "  {name}: {{ {settings} {ONE_PROBE}, nodes: [one], port: {port} }}").unwrap();
    }
    yaml.push_str("routes:\n");
    for route in routes {
        writeln!(yaml, "  - {{ {route} }}").unwrap();
    }
    yaml
}
