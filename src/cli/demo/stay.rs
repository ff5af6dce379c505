//! After the story: the farm stays up, for whoever wants to try it.

use super::error::DemoError;
use super::keys;
use super::show::Show;
use super::sites::Place;
use super::tally::Round;
use super::world::{Phase, Tone};
use std::time::Duration;

/// More turns than anybody takes in a night.
const MANY: usize = 1_000_000;

/// Until the edge ends, or somebody ends the demo.
pub(super) async fn stay(show: &mut Show) -> Result<(), DemoError> {
    show.world.phase = Phase::With;
    show.world.round = Round::Open;
    invite(show);
    show.traffic().give(MANY);
    show.obeys = true;
    loop {
        show.pass(Duration::from_secs(3600)).await?;
    }
}

fn invite(show: &mut Show) {
    let sites = &show.stage.edge.sites;
    let service = sites.at(Place::Service).url("/ResourceManagementService/Enumeration");
    let portal = sites.at(Place::Portal).url("/IdentityManagement");
    let file = show.stage.edge.file.display().to_string();
    let soap = "-H 'Content-Type: application/soap+xml' -d '<Enumerate/>'";
    let mut lines = vec![
        format!("a program  curl --interface 127.0.0.131 {soap} {service}"),
        format!("a browser  {portal} (and reload it)"),
    ];
    if let Some(other) = &show.stage.other {
        let url = other.sites.at(Place::Portal).url("/IdentityManagement");
        lines.push(format!("the same without persistence  {url}"));
    }
    if let Some(admin) = show.stage.edge.edge.admin {
        lines.push(format!("metrics    curl http://{admin}/metrics"));
    }
    lines.push(format!("why        identity-edge explain --config {file} --client 127.0.0.101 POST {service}"));
    show.world.begin(6, "Try it by hand", "The clients go on. What you ask the edge for appears below.");
    for line in lines {
        show.world.tell(Tone::Plain, line);
    }
    show.world.hint = hint(show);
    let hint = show.world.hint.clone();
    show.world.tell(Tone::Plain, hint);
}

fn hint(show: &Show) -> String {
    let end = "Ctrl-C ends everything.";
    if !keys::somebody_types() {
        return end.to_owned();
    }
    let nodes = show.world.nodes.iter().zip(1..);
    let keys: Vec<String> = nodes.map(|(node, digit)| format!("{digit} {}", node.name)).collect();
    let enter = if show.view.is_live() { "" } else { " and Enter" };
    format!("Stop or start a node, by its key{enter}: {}. {end}", keys.join(", "))
}
