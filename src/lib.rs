//! Every request of a session on the node that knows it.

pub mod client_addr;
pub mod clock;
pub mod id;
pub mod persistence;
pub mod pool;
