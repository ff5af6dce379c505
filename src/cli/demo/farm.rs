//! The stand-in nodes: one for every node of the configuration, with a port for every pool it is in.

use super::error::DemoError;
use super::stand_in::{NodeMemory, StandIn};
use crate::config::{Config, NodeAddress, Role};
use parking_lot::Mutex;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// How long a node that starts again waits for its ports.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which ports are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ports {
    /// Those that the configuration names.
    Named,
    /// Whichever are free.
    Free,
}

/// All stand-in nodes.
#[derive(Debug)]
pub(super) struct Farm {
    nodes: Vec<Node>,
}

/// One stand-in node.
#[derive(Debug)]
struct Node {
    name: String,
    sites: Vec<(Role, SocketAddr)>,
    /// What listens and answers; empty while the node is stopped.
    serving: JoinSet<()>,
}

impl Farm {
    /// Starts a stand-in for every node. With [`Ports::Free`] the ports that were found are written into
    /// `config`.
    pub(super) async fn start(config: &mut Config, ports: Ports) -> Result<Self, DemoError> {
        let mut farm = Self { nodes: Vec::new() };
        let Config { nodes, pools, .. } = config;
        for (index, node) in nodes.iter().enumerate() {
            let ip = loopback(&node.name, &node.address)?;
            let mut bound = Vec::new();
            for pool in pools.iter_mut() {
                let role = pool.role;
                for backend in pool.backends.iter_mut().filter(|backend| backend.node == index) {
                    if backend.tls.is_some() {
                        let name = &pool.name;
                        return Err(DemoError::Unfit(format!(
                            "pools.{name}: the stand-ins speak plain HTTP, expected tls: null"
                        )));
                    }
                    let port = if ports == Ports::Free { 0 } else { backend.port };
                    let listener = listen(SocketAddr::new(ip, port)).await?;
                    let address =
                        listener.local_addr().map_err(DemoError::io("read a stand-in's address"))?;
                    backend.port = address.port();
                    bound.push((role, address, listener));
                }
            }
            let sites = bound.iter().map(|(role, address, _)| (*role, *address)).collect();
            let mut node = Node { name: node.name.clone(), sites, serving: JoinSet::new() };
            node.serve(bound);
            farm.nodes.push(node);
        }
        Ok(farm)
    }

    /// Ends the node as if its process had ended: listeners, connections and memory are gone. False if there
    /// is no such node.
    pub(super) async fn stop(&mut self, name: &str) -> bool {
        let Some(node) = self.nodes.iter_mut().find(|node| node.name == name) else { return false };
        node.serving.shutdown().await;
        true
    }

    /// Starts a stopped node, with nothing in its memory. False if there is no such node or it runs.
    pub(super) async fn start_again(&mut self, name: &str) -> Result<bool, DemoError> {
        let Some(node) = self.nodes.iter_mut().find(|node| node.name == name) else { return Ok(false) };
        if !node.serving.is_empty() {
            return Ok(false);
        }
        let deadline = Instant::now() + PATIENCE;
        let mut bound = Vec::new();
        for (role, address) in &node.sites {
            let listener = loop {
                match listen(*address).await {
                    Err(error) if error.is_in_use() && Instant::now() < deadline => {
                        sleep(Duration::from_millis(50)).await;
                    }
                    other => break other?,
                }
            };
            bound.push((*role, *address, listener));
        }
        node.serve(bound);
        Ok(true)
    }
}

impl Node {
    fn serve(&mut self, bound: Vec<(Role, SocketAddr, TcpListener)>) {
        let memory = Arc::new(Mutex::new(NodeMemory::default()));
        for (role, _, listener) in bound {
            let stand_in = StandIn { node: self.name.clone(), role, memory: memory.clone() };
            self.serving.spawn(stand_in.serve(listener));
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, DemoError> {
    TcpListener::bind(address).await.map_err(|source| {
        let hint = match source.kind() {
            ErrorKind::AddrNotAvailable => ": this machine's loopback interface lacks the address",
            _ => "",
        };
        DemoError::Io { doing: format!("listen on {address}{hint}"), source }
    })
}

fn loopback(name: &str, address: &NodeAddress) -> Result<IpAddr, DemoError> {
    match address {
        NodeAddress::Ip(ip) if ip.is_loopback() => Ok(*ip),
        _ => Err(DemoError::Unfit(format!(
            "nodes.{name}: the demo stays on this machine, expected an address of the loopback interface"
        ))),
    }
}

/// Whether something listens on the address already.
pub(super) fn is_taken(address: SocketAddr) -> bool {
    let taken = |error: io::Error| error.kind() == ErrorKind::AddrInUse;
    std::net::TcpListener::bind(address).err().is_some_and(taken)
}
