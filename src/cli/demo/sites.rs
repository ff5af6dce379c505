//! Where the edge serves what, as clients address it.

use super::DemoError;
use super::edge::Edge;
use crate::config::{Config, Role};
use crate::route::HostPattern;
use std::net::SocketAddr;

/// One thing that is served.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) address: SocketAddr,
    /// For the field `Host`, with the port.
    pub(super) host: String,
    /// Where it starts, without a slash at the end.
    pub(super) path: String,
    /// Its nodes' names.
    pub(super) nodes: Vec<String>,
}

impl Site {
    /// The URL of a path of this site.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{}{path}", self.host, self.path)
    }
}

/// Everything the conversation needs.
#[derive(Clone, Debug)]
pub(super) struct Sites {
    pub(super) service: Site,
    pub(super) sts: Site,
    pub(super) portal: Site,
    pub(super) registration: Site,
    pub(super) reset: Site,
}

impl Sites {
    pub(super) fn find(config: &Config, edge: &Edge) -> Result<Self, DemoError> {
        let site = |role, word| {
            find(config, edge, role)
                .ok_or_else(|| DemoError::Unfit(format!("the demo needs a route to a pool with role {word}")))
        };
        Ok(Self {
            service: site(Role::MimService, "mim_service")?,
            sts: site(Role::MimSts, "mim_sts")?,
            portal: site(Role::MimPortal, "mim_portal")?,
            registration: site(Role::SsprRegistration, "sspr_registration")?,
            reset: site(Role::SsprReset, "sspr_reset")?,
        })
    }
}

fn find(config: &Config, edge: &Edge, role: Role) -> Option<Site> {
    let leads = |pool: usize| config.pools.get(pool).is_some_and(|pool| pool.role == role);
    // A route with a host of its own is the more telling one.
    let routes = config.routes.iter().filter(|route| leads(route.pool));
    let route = routes.min_by_key(|route| !matches!(route.host, HostPattern::Exact(_)))?;
    let listener = &config.listeners.get(route.listener)?.name;
    let (_, address) = edge.listeners.iter().find(|(name, _)| name == listener)?;
    let name = match &route.host {
        HostPattern::Exact(host) => host.clone(),
        HostPattern::Suffix(domain) => format!("demo.{domain}"),
        HostPattern::Any => address.ip().to_string(),
    };
    let backends = &config.pools.get(route.pool)?.backends;
    let nodes = backends.iter().filter_map(|backend| config.nodes.get(backend.node));
    Some(Site {
        address: *address,
        host: format!("{name}:{}", address.port()),
        path: route.path.prefix.trim_end_matches('/').to_owned(),
        nodes: nodes.map(|node| node.name.clone()).collect(),
    })
}
