//! TLS on both sides, with rustls.
//!
//! Whatever is made of files (a listener's acceptor, a pool's way to its backends) is a [`Secured`]: it knows its files,
//! can be made anew from them while it is in use, and tells when what they hold expires. `reload` looks after all of
//! them. A thing is always made whole and swapped whole: what is half written is never seen by a connection, and what
//! was agreed under old settings is not resumed under new ones.

mod clients;
mod files;
mod listener;
mod names;
mod reload;
mod subject;
mod upstream;

pub(super) use listener::TlsListener;
pub(super) use reload::{Reloading, Secured};
pub(super) use upstream::{Origins, PoolTls};

/// What went wrong with certificates, in words for an operator.
pub(super) type Problem = String;
