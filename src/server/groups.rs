//! Says when a persistence group has no whole node any more, and when it has one again.

use crate::clock::Millis;
use crate::persistence::Selector;
use crate::proxy::Shared;
use log::warn;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch::Receiver;

/// How often the groups are looked at when no news comes: a start grace ends, and states change, without any.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Follows the groups until `stopping` turns true.
pub(super) async fn watch(shared: Arc<Shared>, mut stopping: Receiver<bool>) {
    let mut news = shared.news.listen();
    let mut broken = HashSet::new();
    loop {
        let now = shared.clock.refresh().mono;
        for message in look(&shared.snapshot.load().selector, now, &mut broken) {
            warn!("{message}");
        }
        tokio::select! {
            _ = news.changed() => {}
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

/// What has changed since the last look; `broken` holds the names of the groups without a whole node. While
/// first probes are awaited that could make a node whole, nothing is said.
fn look(selector: &Selector, now: Millis, broken: &mut HashSet<String>) -> Vec<String> {
    let mut messages = Vec::new();
    for group in selector.groups() {
        let name = group.name();
        if group.whole_nodes(now) > 0 {
            if broken.remove(name) {
                messages.push(format!("group {name}: a node is whole again"));
            }
        } else if !group.may_gain(now) && group.nodes() > 0 && broken.insert(name.to_owned()) {
            let instead = "new clients go to nodes whose needed backend is up";
            messages.push(format!("group {name}: no node is whole, {instead}"));
        }
    }
    messages
}
