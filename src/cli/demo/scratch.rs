//! The temporary folder: a key file, and a copy of the configuration that can run as it stands.

use super::DemoError;
use super::farm::{Ports, is_taken};
use super::stand_in::fresh_id;
use crate::config::{self, Config};
use crate::persistence::keys::KeyRing;
use std::fs;
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The variable by which the configuration names the key file.
const KEYS: &str = "DEMO_KEYS";

/// A folder that vanishes with its owner.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: PathBuf,
}

/// Where the demo's configuration comes from.
#[derive(Debug)]
pub(super) struct Source {
    /// Relative paths are relative to it.
    pub(super) file: PathBuf,
    pub(super) text: String,
}

impl Scratch {
    pub(super) fn make() -> Result<Self, DemoError> {
        let folder = std::env::temp_dir().join(format!("identity-edge-demo-{}", &fresh_id()[..12]));
        let made = fs::DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(DemoError::io(&format!("make the folder {}", folder.display())))?;
        Ok(Self { folder })
    }

    /// Makes the key file and says where it is.
    pub(super) fn keys(&self) -> Result<PathBuf, DemoError> {
        let now = jiff::Timestamp::now();
        // Key files know whole seconds.
        let created = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
        let ring = KeyRing::generate(&created).map_err(|error| DemoError::Unfit(error.to_string()))?;
        self.write("cookie-keys.txt", ring.render().as_bytes())
    }

    /// Writes the configuration that the edge runs. It is the text as it was written, with the key file filled
    /// in, where that still says what `config` says, and otherwise `config` in full.
    pub(super) fn config(&self, source: &Source, keys: &Path, config: &Config) -> Result<PathBuf, DemoError> {
        let keys = keys.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
        let text = source.text.replace(&format!("${{{KEYS}}}"), &keys);
        let file = self.write("demo.yaml", text.as_bytes())?;
        match config::load(&file) {
            Ok((loaded, _)) if config::show(&loaded) == config::show(config) => Ok(file),
            _ => self.write("demo.yaml", config::show(config).as_bytes()),
        }
    }

    fn write(&self, name: &str, contents: &[u8]) -> Result<PathBuf, DemoError> {
        let file = self.folder.join(name);
        let opened = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&file);
        let written = opened.and_then(|mut opened| opened.write_all(contents));
        written.map_err(DemoError::io(&format!("write {}", file.display())))?;
        Ok(file)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever clears the temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Reads and checks the configuration, with the key file where it asks for it.
pub(super) fn load(source: &Source, keys: &Path) -> Result<Config, DemoError> {
    let environment = |name: &str| match name {
        KEYS => Some(keys.display().to_string()),
        _ => std::env::var(name).ok(),
    };
    let loaded = config::load_text(&source.file, &source.text, &environment);
    let (config, _) = loaded.map_err(DemoError::Config)?;
    for listener in &config.listeners {
        let name = &listener.name;
        if listener.tls.is_some() {
            return Err(DemoError::Unfit(format!("listeners.{name}: the demo's clients speak plain HTTP")));
        }
        if !listener.bind.iter().all(|address| matches!(address.ip(), IpAddr::V4(ip) if ip.is_loopback())) {
            return Err(DemoError::Unfit(format!(
                "listeners.{name}: the demo stays on this machine, expected addresses such as 127.0.0.1:8080"
            )));
        }
    }
    Ok(config)
}

/// Gives up the listeners' ports: all of them, or those that are taken.
pub(super) fn yield_ports(config: &mut Config, ports: Ports) {
    for address in config.listeners.iter_mut().flat_map(|listener| &mut listener.bind) {
        if ports == Ports::Free || is_taken(*address) {
            address.set_port(0);
        }
    }
}
