//! Where the edge serves what, as clients address it.

use super::edge::Edge;
use super::error::DemoError;
use crate::config::{Config, Role, Route};
use crate::route::HostPattern;
use std::net::SocketAddr;

/// Something that the farm serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Service,
    Sts,
    Portal,
    Registration,
    Reset,
}

impl Place {
    pub(super) const ALL: [Self; 5] =
        [Self::Service, Self::Sts, Self::Portal, Self::Registration, Self::Reset];

    /// What it is, for somebody who does not know MIM.
    pub(super) fn means(self) -> &'static str {
        match self {
            Self::Service => "the identity service, for programs",
            Self::Sts => "its tokens, at a second port",
            Self::Portal => "the web site about people and groups",
            Self::Registration => "a site to prepare for a lost password",
            Self::Reset => "a site to set a new one",
        }
    }

    /// What a person says for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Sts => "tokens",
            Self::Portal => "portal",
            Self::Registration => "enrolment site",
            Self::Reset => "reset site",
        }
    }

    /// Both ports of MIM Service are one memory, and the edge keeps a client of both on one node.
    pub(super) fn memory(self) -> Self {
        if self == Self::Sts { Self::Service } else { self }
    }

    fn role(self) -> (Role, &'static str) {
        match self {
            Self::Service => (Role::MimService, "mim_service"),
            Self::Sts => (Role::MimSts, "mim_sts"),
            Self::Portal => (Role::MimPortal, "mim_portal"),
            Self::Registration => (Role::SsprRegistration, "sspr_registration"),
            Self::Reset => (Role::SsprReset, "sspr_reset"),
        }
    }
}

/// One thing that is served.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) address: SocketAddr,
    /// For the field `Host`, with the port.
    pub(super) host: String,
    /// Where it starts, without a slash at the end.
    pub(super) path: String,
    /// The name of its pool.
    pub(super) pool: String,
    /// Its nodes' names.
    pub(super) nodes: Vec<String>,
}

impl Site {
    /// The URL of a path of this site.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{}{path}", self.host, self.path)
    }
}

/// Everything that clients ask for, at one edge.
#[derive(Clone, Debug)]
pub(super) struct Sites([Site; 5]);

impl Sites {
    pub(super) fn find(config: &Config, edge: &Edge) -> Result<Self, DemoError> {
        let site = |place: Place| {
            let (role, word) = place.role();
            find(config, edge, role)
                .ok_or_else(|| DemoError::Unfit(format!("the demo needs a route to a pool with role {word}")))
        };
        let [service, sts, portal, registration, reset] = Place::ALL.map(site);
        Ok(Self([service?, sts?, portal?, registration?, reset?]))
    }

    /// What a node serves.
    pub(super) fn place(&self, node: &str) -> Option<Place> {
        Place::ALL.into_iter().find(|place| self.at(*place).nodes.iter().any(|known| known == node))
    }

    pub(super) fn at(&self, place: Place) -> &Site {
        &self.0[place as usize]
    }
}

fn find(config: &Config, edge: &Edge, role: Role) -> Option<Site> {
    let pool_of = |route: &Route| config.pools.get(route.action.pool()?);
    let leads = |route: &Route| pool_of(route).is_some_and(|pool| pool.role == role);
    // A route with a host of its own is the more telling one.
    let routes = config.routes.iter().filter(|route| leads(route));
    let route = routes.min_by_key(|route| !matches!(route.host, HostPattern::Exact(_)))?;
    let listener = &config.listeners.get(route.listener)?.name;
    let (_, address) = edge.listeners.iter().find(|(name, _)| name == listener)?;
    let name = match &route.host {
        HostPattern::Exact(host) => host.clone(),
        HostPattern::Suffix(domain) => format!("demo.{domain}"),
        HostPattern::Any => address.ip().to_string(),
    };
    let pool = pool_of(route)?;
    let nodes = pool.backends.iter().filter_map(|backend| config.nodes.get(backend.node));
    Some(Site {
        address: *address,
        host: format!("{name}:{}", address.port()),
        path: route.path.prefix.trim_end_matches('/').to_owned(),
        pool: pool.name.clone(),
        nodes: nodes.map(|node| node.name.clone()).collect(),
    })
}
