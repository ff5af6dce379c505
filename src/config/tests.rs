use super::*;
use crate::persistence::keys::KeyRing;
use std::path::Path;

mod admin;
mod bad;
mod good;
mod page;
mod probe;
mod schema;
mod warnings;

/// A folder with the files that configurations name.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for keys in ["keys.txt", "more-keys.txt", "shared-keys.txt"] {
            folder.write(keys, &KeyRing::generate("2026-01-01T00:00:00Z").unwrap().render());
            folder.set_mode(keys, if keys == "shared-keys.txt" { 0o644 } else { 0o600 });
        }
        for name in ["mim", "other"] {
            let made = rcgen::generate_simple_self_signed([format!("{name}.example.com")]).unwrap();
            folder.write(&format!("{name}.pem"), &made.cert.pem());
            folder.write(&format!("{name}.key"), &made.signing_key.serialize_pem());
        }
        for (name, token) in [
            ("token.txt", " 0123456789abcdef\n"),
            ("short-token.txt", "0123456789abcde\n"),
            ("long-token.txt", &"x".repeat(257)),
            ("two-tokens.txt", "0123456789abcdef\n0123456789abcdef\n"),
            ("shared-token.txt", &"~".repeat(256)),
        ] {
            folder.write(name, token);
            folder.set_mode(name, if name == "shared-token.txt" { 0o640 } else { 0o600 });
        }
        folder.write("sorry.html", "<h1>{status}</h1> <p>{request_id}</p>\n");
        folder.write("lost.html", "<p>not here \u{2014} é</p>");
        folder.write("blank.html", " \n");
        folder.write("full.html", &"x".repeat(64 << 10));
        folder.write("large.html", &"x".repeat((64 << 10) + 1));
        std::fs::write(folder.path().join("bytes.html"), b"<p>\xff</p>").unwrap();
        folder.write("empty.pem", "");
        folder.write("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n");
        folder.write("no-certificate.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        folder.write("no-key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, contents: &str) {
        std::fs::write(self.path().join(name), contents).unwrap();
    }

    #[cfg(unix)]
    fn set_mode(&self, name: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(self.path().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn load(&self, text: &str) -> Result<(Config, Vec<Warning>), Vec<ConfigError>> {
        let environment = |name: &str| match name {
            "PORT" => Some("8080".to_owned()),
            "ADDRESS" => Some("10.0.0.7".to_owned()),
            "KEYS" => Some(self.path().join("keys.txt").display().to_string()),
            "DOLLAR" => Some("$".to_owned()),
            "LINES" => Some("Bearer secret\n".to_owned()),
            "SECRET" => Some("Bearer secret".to_owned()),
            _ => None,
        };
        load_text(&self.path().join("edge.yaml"), text, &environment)
    }

    /// The configuration of a text without errors, and its warnings as printed.
    fn good(&self, text: &str) -> (Config, Vec<String>) {
        match self.load(text) {
            Ok((config, warnings)) => (config, self.lines(&warnings)),
            Err(errors) => panic!("{}", self.lines(&errors).join("\n")),
        }
    }

    /// What is printed for a text with errors.
    fn bad(&self, text: &str) -> Vec<String> {
        match self.load(text) {
            Ok(_) => Vec::new(),
            Err(errors) => self.lines(&errors),
        }
    }

    /// Lines without the folder's name.
    fn lines<T: std::fmt::Display>(&self, items: &[T]) -> Vec<String> {
        let folder = format!("{}/", self.path().display());
        items.iter().map(|item| item.to_string().replace(&folder, "")).collect()
    }
}

/// A small farm that is good; tests change a piece of it.
const FARM: &str = r#"listeners:
  web: { bind: "127.0.0.1:8080" }
nodes:
  a: { address: 10.0.0.1 }
  b: { address: 10.0.0.2 }
persistence:
  ip: { by: source_ip }
  ck: { by: cookie, cookie: { keys: [keys.txt] } }
pools:
  soap: { role: mim_service, nodes: [a, b] }
  site: { role: none, nodes: [a, b], port: 80 }
routes:
  - { listener: web, host: soap.test, pool: soap, persistence: ip }
  - { listener: web, host: site.test, pool: site, persistence: ck }
"#;

/// [`FARM`] with one piece replaced; the piece must be there.
fn farm(from: &str, to: &str) -> String {
    assert!(FARM.contains(from), "{from}");
    FARM.replacen(from, to, 1)
}
