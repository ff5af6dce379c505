//! Nodes and backends.

/// The operator's will for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminState {
    /// In service.
    Ready,
    /// Keeps its clients, takes no new ones.
    Drain,
    /// Out of service; its clients move now.
    Maintenance,
}
