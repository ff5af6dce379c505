//! Keeping a client on its node.

mod base64;
pub mod keys;
pub mod settings;
