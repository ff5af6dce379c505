//! Every request of a session on the node that knows it.

#[cfg(feature = "edge")]
pub mod cli;
pub mod client_addr;
pub mod clock;
#[cfg(feature = "edge")]
pub mod config;
#[cfg(feature = "edge")]
pub mod engine;
#[cfg(feature = "edge")]
pub mod health;
pub mod id;
pub mod persistence;
pub mod pool;
#[cfg(feature = "edge")]
pub mod proxy;
pub mod route;
#[cfg(feature = "edge")]
pub mod server;
#[cfg(feature = "edge")]
pub mod snapshot;
