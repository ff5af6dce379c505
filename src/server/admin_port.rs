//! The admin listener's port, which a stopping edge may still hold.
//!
//! An edge that stops keeps its admin listener to the end, so that it can be watched, while its other ports are
//! free already. The one that takes over serves at once, and gets the admin port when the old one has ended.

use super::listen::{self, BindError, Bound};
use log::warn;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::watch;

/// Between two tries.
const AGAIN: Duration = Duration::from_secs(1);

/// A port that is taken, or will be.
#[derive(Debug)]
pub(super) struct AdminPort {
    address: SocketAddr,
    bound: Option<Bound>,
}

impl AdminPort {
    /// Takes the port; one that somebody else has is tried again later.
    ///
    /// # Errors
    /// It cannot be had at all.
    pub(super) fn take(address: SocketAddr) -> Result<Self, BindError> {
        match bind(address) {
            Ok(bound) => Ok(Self { address, bound }),
            Err(error) if error.is_in_use() => {
                warn!("{error}; it is tried again until it is free");
                Ok(Self { address, bound: None })
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until it is had; none if `finished` turns true before.
    pub(super) async fn bound(self, finished: &mut watch::Receiver<bool>) -> Option<Bound> {
        if let Some(bound) = self.bound {
            return Some(bound);
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                _ = finished.wait_for(|finished| *finished) => return None,
            }
            match bind(self.address) {
                Ok(bound) => return bound,
                Err(error) if error.is_in_use() => {}
                Err(error) => {
                    warn!("{error}");
                    return None;
                }
            }
        }
    }
}

fn bind(address: SocketAddr) -> Result<Option<Bound>, BindError> {
    Ok(listen::bind(&[("admin", &[address])], 1)?.into_iter().next())
}
