//! The temporary folder: a key file, and a copy of the configuration that can run as it stands.

use super::error::DemoError;
use super::farm::is_taken;
use super::stand_in::fresh_id;
use crate::config::{self, Config};
use crate::persistence::keys::KeyRing;
use crate::persistence::settings::{FirstChoice, GroupSettings};
use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
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

impl Source {
    /// `conf/demo.yaml`, for a binary that is alone.
    pub(super) fn built_in() -> Self {
        let text = include_str!("../../../conf/demo.yaml").to_owned();
        Self { file: PathBuf::from("conf/demo.yaml"), text }
    }

    pub(super) fn read(file: &Path) -> Result<Self, DemoError> {
        let text = fs::read_to_string(file).map_err(DemoError::io(&format!("read {}", file.display())))?;
        Ok(Self { file: file.to_owned(), text })
    }
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

    /// Writes the configuration that an edge runs. It is the text as it was written, with the key file filled
    /// in, where that still says what `config` says, and otherwise `config` in full.
    pub(super) fn config(
        &self,
        name: &str,
        source: &Source,
        keys: &Path,
        config: &Config,
    ) -> Result<PathBuf, DemoError> {
        let keys = keys.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
        let text = source.text.replace(&format!("${{{KEYS}}}"), &keys);
        let file = self.write(name, text.as_bytes())?;
        match config::load(&file) {
            Ok((loaded, _)) if config::show(&loaded) == config::show(config) => Ok(file),
            _ => self.write(name, config::show(config).as_bytes()),
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

/// Gives every listener a port that is free, where its own is not or where `all` are to change; says which.
///
/// Somebody else may take a port before the edge does: then the edge does not start, and other ports may be tried.
pub(super) fn yield_ports(config: &mut Config, all: bool) -> Result<Vec<String>, DemoError> {
    let Config { listeners, admin, .. } = config;
    let binds = listeners.iter_mut().flat_map(|listener| {
        let name = &listener.name;
        listener.bind.iter_mut().map(move |address| (name.as_str(), address))
    });
    let mut moved = Vec::new();
    for (name, address) in binds.chain(admin.bind.as_mut().map(|address| ("admin", address))) {
        if all || is_taken(*address) {
            let before = *address;
            address.set_port(free_port(before)?);
            moved.push(format!("{before} is in use by another program: {name} is at {address} this time"));
        }
    }
    Ok(moved)
}

fn free_port(address: SocketAddr) -> Result<u16, DemoError> {
    let socket = std::net::TcpListener::bind(SocketAddr::new(address.ip(), 0));
    let bound = socket.and_then(|socket| socket.local_addr());
    bound.map(|bound| bound.port()).map_err(DemoError::io(&format!("listen on {}", address.ip())))
}

/// The same farm for an edge that keeps nobody anywhere: requests go to the nodes in turn.
pub(super) fn without_persistence(config: &Config) -> Config {
    let unpinned = |group: &GroupSettings| GroupSettings {
        first_choice: FirstChoice::RoundRobin,
        ..GroupSettings::unpinned(group.name.as_str())
    };
    let mut config = config.clone();
    config.groups = config.groups.iter().map(unpinned).collect();
    config.key_files = vec![Vec::new(); config.groups.len()];
    config.admin.bind = None;
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::settings::By;

    #[test]
    fn both_configurations_are_good() {
        let scratch = Scratch::make().unwrap();
        let keys = scratch.keys().unwrap();
        let source = Source::built_in();
        let with = load(&source, &keys).unwrap();
        let without = without_persistence(&with);
        for (name, config) in [("demo.yaml", &with), ("without.yaml", &without)] {
            let file = scratch.config(name, &source, &keys, config).unwrap();
            let (loaded, warnings) = config::load(&file).unwrap();
            // A configuration that is written out in full has what the second one does not use.
            let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
            assert!(
                told.iter().all(|text| name == "without.yaml" && text.contains(": unused, ")),
                "{told:?}"
            );
            assert_eq!(config::show(&loaded), config::show(config), "{name}");
        }
        assert!(without.groups.iter().all(|group| group.by == By::None));
    }
}
