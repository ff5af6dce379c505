//! Names of nodes, resolved beside the requests' path and again from time to time.

use crate::snapshot::Address;
use log::{info, warn};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Between two look-ups of a name that is resolved; the system's resolver tells no lifetime.
const AGAIN: Duration = Duration::from_secs(30);
/// Between two look-ups of a name that is not.
const RETRY: Duration = Duration::from_secs(2);
/// The longest a look-up may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Keeps every named address resolved until `stopping` turns true.
pub(super) async fn keep_resolved(addresses: Vec<Arc<Address>>, stopping: watch::Receiver<bool>) {
    for address in addresses {
        if address.name.is_some() {
            tokio::spawn(follow(address, stopping.clone()));
        }
    }
}

async fn follow(address: Arc<Address>, mut stopping: watch::Receiver<bool>) {
    let Some(name) = address.name.as_deref() else { return };
    let mut failing = false;
    loop {
        match look_up(name).await {
            Ok(answers) => {
                failing = false;
                if let Some(ip) = address.resolved(&answers) {
                    info!("{name} is at {ip}");
                }
            }
            Err(error) if !failing => {
                failing = true;
                address.unresolved();
                let kept = if address.current().is_some() { ", its last address is kept" } else { "" };
                warn!("{name} cannot be resolved{kept}: {error}");
            }
            Err(_) => {}
        }
        let pause = if address.current().is_some() { AGAIN } else { RETRY };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

async fn look_up(name: &str) -> std::io::Result<Vec<IpAddr>> {
    let answers = tokio::time::timeout(LIMIT, tokio::net::lookup_host((name, 0))).await;
    let answers = answers.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
    let mut found: Vec<IpAddr> = answers.map(|address| address.ip()).collect();
    found.dedup();
    if found.is_empty() {
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, "no address"));
    }
    Ok(found)
}
