//! The group as discovery and health checks show it now.
//!
//! A view is immutable but for the health of its backends, and made anew only when a load balancer publishes
//! another set. What is remembered lives beside it, by name: pins in [`SelectorLive`], health and requests in
//! flight in the backends' live parts, the operator's will in the nodes'.

use super::names::{NameNodes, NodeSettings};
use crate::clock::Millis;
use crate::id::Interner;
use crate::persistence::settings::GroupSettings;
use crate::persistence::{Selector, SelectorLive};
use crate::pool::{self, AdminState, BackendLive, DownCause, Health, Node, NodeLive, Pool};
use hashbrown::HashMap;
use log::{error, warn};
use pingora_load_balancing::selection::{BackendIter, BackendSelection};
use pingora_load_balancing::{Backend, Backends, LoadBalancer};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

type Names<T> = HashMap<String, T, foldhash::fast::RandomState>;

/// A load balancer, whatever it selects by.
pub(super) trait Source: Send + Sync {
    /// Its members and their health.
    fn backends(&self) -> &Backends;
}

impl<S> Source for LoadBalancer<S>
where
    S: BackendSelection + Send + Sync + 'static,
    S::Iter: BackendIter,
{
    fn backends(&self) -> &Backends {
        LoadBalancer::backends(self)
    }
}

/// One pool of a view.
struct Members {
    source: Arc<dyn Source>,
    /// What the load balancer had published.
    set: Arc<BTreeSet<Backend>>,
    /// Its backends, as both sides know them.
    pairs: Vec<(Backend, Arc<pool::Backend>)>,
}

/// The group at one moment.
pub(super) struct View {
    pub(super) selector: Selector,
    pools: Vec<Members>,
}

impl View {
    /// Whether no load balancer has published another set since.
    pub(super) fn is_current(&self) -> bool {
        self.pools.iter().all(|pool| Arc::ptr_eq(&pool.set, &pool.source.backends().get_backend()))
    }

    /// Takes over what the load balancers say of their backends now. Only a change is reported: an `Up` said
    /// again would end a failure that requests have seen and the health check has not, and with it its hold.
    pub(super) fn observe(&self, now: Millis) {
        for pool in &self.pools {
            for (backend, ours) in &pool.pairs {
                let seen = if pool.source.backends().ready(backend) { Health::Up } else { Health::Down };
                if ours.live.health() != seen {
                    ours.live.set_health(seen, DownCause::Probe, now);
                }
            }
        }
    }

    /// The load balancer's word for a selected backend.
    pub(super) fn backend(&self, pool: usize, selected: &Arc<pool::Backend>) -> Option<&Backend> {
        let pairs = &self.pools.get(pool)?.pairs;
        pairs.iter().find(|(_, ours)| Arc::ptr_eq(ours, selected)).map(|(backend, _)| backend)
    }
}

/// What views are made from, and what outlives them.
pub(super) struct Roster {
    settings: GroupSettings,
    name_nodes: Box<NameNodes>,
    pools: Vec<(String, Arc<dyn Source>)>,
    names: Interner,
    nodes: Names<Arc<NodeLive>>,
    /// By pool and by the node's name.
    backends: Vec<Names<Arc<BackendLive>>>,
    pins: SelectorLive,
}

impl Roster {
    pub(super) fn new(settings: GroupSettings, name_nodes: Box<NameNodes>) -> Self {
        Self {
            settings,
            name_nodes,
            pools: Vec::new(),
            names: Interner::default(),
            nodes: Names::default(),
            backends: Vec::new(),
            pins: SelectorLive::default(),
        }
    }

    /// Adds a pool and says its index.
    pub(super) fn add(&mut self, name: &str, source: Arc<dyn Source>) -> usize {
        self.pools.push((name.to_owned(), source));
        self.backends.push(Names::default());
        self.pools.len() - 1
    }

    /// The operator's will for the node of this name, known yet or not.
    pub(super) fn node(&mut self, name: &str) -> &Arc<NodeLive> {
        let live = || Arc::new(NodeLive::new(AdminState::Ready));
        self.nodes.entry_ref(name).or_insert_with(live)
    }

    /// The group as it is now.
    pub(super) fn view(&mut self, now: Millis) -> View {
        let mut nodes: Vec<Arc<Node>> = Vec::new();
        let mut members = Vec::new();
        let mut pools = Vec::new();
        for index in 0..self.pools.len() {
            let source = Arc::clone(&self.pools[index].1);
            let set = source.backends().get_backend();
            let pairs = self.pairs(index, &set, &mut nodes);
            let ours = pairs.iter().map(|(_, ours)| Arc::clone(ours)).collect();
            pools.push(Arc::new(Pool::new(index, &self.pools[index].0, ours)));
            members.push(Members { source, set, pairs });
        }
        self.forget();
        warn_of_strangers(&self.settings.name, &nodes, &pools);
        let group = (self.settings.clone(), (0..pools.len()).collect());
        let view = View { selector: Selector::new(nodes, pools, vec![group], &self.pins), pools: members };
        view.observe(now);
        view
    }

    fn pairs(
        &mut self,
        pool: usize,
        set: &BTreeSet<Backend>,
        nodes: &mut Vec<Arc<Node>>,
    ) -> Vec<(Backend, Arc<pool::Backend>)> {
        let mut pairs: Vec<(Backend, Arc<pool::Backend>)> = Vec::new();
        for backend in set {
            let settings = (self.name_nodes)(backend);
            let Some(node) = self.known(&settings, nodes) else { continue };
            if pairs.iter().any(|(_, ours)| ours.node.id == node.id) {
                let (name, pool) = (&node.name, &self.pools[pool].0);
                warn!("pool {pool}: node {name} is there already, {} gets no requests", backend.addr);
                continue;
            }
            let live = Arc::clone(self.backends[pool].entry_ref(node.name.as_str()).or_default());
            let port = backend.addr.as_inet().map_or(0, std::net::SocketAddr::port);
            let ours = pool::Backend { node, pool, port, slow_start: Duration::ZERO, live };
            pairs.push((backend.clone(), Arc::new(ours)));
        }
        pairs
    }

    /// The node of this name; it is what the first pool says it is.
    fn known(&mut self, settings: &NodeSettings, nodes: &mut Vec<Arc<Node>>) -> Option<Arc<Node>> {
        let NodeSettings { name, weight, backup } = settings;
        if let Some(node) = nodes.iter().find(|node| node.name == *name) {
            return Some(Arc::clone(node));
        }
        let id = match self.names.intern(name) {
            Ok(id) => id,
            Err(error) => {
                error!("node {name} gets no requests: {error}");
                return None;
            }
        };
        let node = Arc::new(Node::new(id, name, *weight, *backup, Arc::clone(self.node(name))));
        nodes.push(Arc::clone(&node));
        Some(node)
    }

    /// Drops what nobody holds and nobody decided: backends of earlier views, nodes that are merely ready.
    fn forget(&mut self) {
        for backends in &mut self.backends {
            backends.retain(|_, live| Arc::strong_count(live) > 1);
        }
        self.nodes.retain(|_, live| Arc::strong_count(live) > 1 || live.admin() != AdminState::Ready);
    }
}

/// A client of a node that one pool lacks would move with every request to that pool.
fn warn_of_strangers(group: &str, nodes: &[Arc<Node>], pools: &[Arc<Pool>]) {
    if pools.iter().any(|pool| pool.backends.is_empty()) {
        return; // not discovered yet
    }
    for node in nodes {
        for pool in pools.iter().filter(|pool| pool.backend(node.id).is_none()) {
            warn!("group {group}: node {} has no backend in pool {}", node.name, pool.name);
        }
    }
}
