//! What a machine is called.

use pingora_load_balancing::Backend;

/// Tells the node behind an address.
pub(super) type NameNodes = dyn Fn(&Backend) -> NodeSettings + Send + Sync;

/// A machine, as the service knows it. Pins and cookies name it, so the same machine must have the same name in
/// every pool of a group, at every start and on every edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSettings {
    /// Its name. A process can tell 65,535 of them apart.
    pub name: String,
    /// Its share of new clients, 1 to 256. Better here than in Pingora's backend, where another weight makes
    /// another backend, which counts as healthy until it is checked.
    pub weight: u16,
    /// Whether it takes clients only while no other node can.
    pub backup: bool,
}

impl NodeSettings {
    /// A node of weight 1.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), weight: 1, backup: false }
    }

    /// A node that is called as its address is written, port included, and has the backend's weight. Enough for
    /// a group of one pool whose addresses do not change; two ports of one machine are two nodes.
    #[must_use]
    pub fn by_address(backend: &Backend) -> Self {
        let weight = u16::try_from(backend.weight).unwrap_or(u16::MAX);
        Self { name: backend.addr.to_string(), weight, backup: false }
    }

    /// The same with another weight.
    #[must_use]
    pub fn weight(self, weight: u16) -> Self {
        Self { weight, ..self }
    }

    /// The same as a backup.
    #[must_use]
    pub fn backup(self) -> Self {
        Self { backup: true, ..self }
    }
}
