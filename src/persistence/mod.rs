//! Keeping a client on its node.

mod base64;
pub mod cookie;
pub mod keys;
pub mod settings;
