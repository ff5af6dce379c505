//! Everything that runs: the stand-ins, the edges before them, and the files they need.

use super::edge::Edge;
use super::error::DemoError;
use super::farm::{Farm, Ports};
use super::scratch::{self, Scratch, Source};
use super::sites::{Place, Sites};
use crate::config::{Config, Route};
use std::path::{Path, PathBuf};

/// How often other ports are tried for an edge, when somebody takes them first.
const ATTEMPTS: usize = 4;

/// Dropping it ends all of it: the edges first, by their processes.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) edge: Run,
    /// The one without persistence, once it is needed.
    pub(super) other: Option<Run>,
    pub(super) farm: Farm,
    pub(super) config: Config,
    /// Ports that were in use, in words.
    pub(super) moved: Vec<String>,
    source: Source,
    keys: PathBuf,
    scratch: Scratch,
}

/// A running edge with its configuration.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) edge: Edge,
    pub(super) file: PathBuf,
    pub(super) sites: Sites,
}

impl Stage {
    /// Starts everything. The configuration's own ports are tried first, then whichever are free.
    pub(super) async fn set(file: Option<&Path>) -> Result<Self, DemoError> {
        let source = file.map_or_else(|| Ok(Source::built_in()), Source::read)?;
        let scratch = Scratch::make()?;
        let keys = scratch.keys()?;
        let mut config = scratch::load(&source, &keys)?;
        let mut moved = Vec::new();
        // Whoever has the stand-ins' ports has the listeners' too: two demos that start together never share one.
        let (farm, ports) = match Farm::start(&mut config, Ports::Named).await {
            Ok(farm) => (farm, Ports::Named),
            Err(error) if error.is_in_use() => {
                let text = error.to_string();
                let why = text.strip_prefix("identity-edge demo: ").unwrap_or(&text);
                moved.push(format!("{why}: all ports are other ones this time"));
                (Farm::start(&mut config, Ports::Free).await?, Ports::Free)
            }
            Err(error) => return Err(error),
        };
        let begin = Begin { name: "demo.yaml", source: &source, scratch: &scratch, keys: &keys };
        let (edge, told) = begin.edge(&mut config, ports == Ports::Free).await?;
        if ports == Ports::Named {
            moved.extend(told);
        }
        Ok(Self { edge, other: None, farm, config, moved, source, keys, scratch })
    }

    /// The group of MIM Service, which has a table.
    pub(super) fn group(&self) -> String {
        let pool = &self.edge.sites.at(Place::Service).pool;
        let Config { routes, pools, groups, .. } = &self.config;
        let leads = |route: &&Route| {
            route.action.pool().and_then(|index| pools.get(index)).is_some_and(|known| known.name == *pool)
        };
        let route = routes.iter().find(leads);
        let group = route.and_then(|route| route.group).and_then(|group| groups.get(group));
        group.map(|group| group.name.clone()).unwrap_or_default()
    }

    /// Starts a second edge before the same nodes, without persistence.
    pub(super) async fn second(&mut self) -> Result<Sites, DemoError> {
        let mut config = scratch::without_persistence(&self.config);
        let Self { source, scratch, keys, .. } = &*self;
        let begin = Begin { name: "without-persistence.yaml", source, scratch, keys };
        let (other, _) = begin.edge(&mut config, true).await?;
        let sites = other.sites.clone();
        self.other = Some(other);
        Ok(sites)
    }
}

/// What an edge is started with.
struct Begin<'s> {
    name: &'static str,
    source: &'s Source,
    scratch: &'s Scratch,
    keys: &'s Path,
}

impl Begin<'_> {
    /// On the ports that are free, or all on others; says which are not the configuration's.
    async fn edge(&self, config: &mut Config, others: bool) -> Result<(Run, Vec<String>), DemoError> {
        let mut left = ATTEMPTS;
        loop {
            left -= 1;
            let moved = scratch::yield_ports(config, others)?;
            let file = self.scratch.config(self.name, self.source, self.keys, config)?;
            match Edge::start(&file).await {
                Ok(edge) => {
                    let sites = Sites::find(config, &edge)?;
                    return Ok((Run { edge, file, sites }, moved));
                }
                Err(error) if left == 0 => return Err(error),
                // Somebody may have taken a port meanwhile.
                Err(_) => {}
            }
        }
    }
}
