//! Keeping a client on its node.

mod base64;
pub mod client_class;
pub mod cookie;
pub mod keys;
pub mod settings;
