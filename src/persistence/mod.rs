//! Keeping a client on its node.

pub mod keys;
pub mod settings;
