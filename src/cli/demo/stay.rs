//! After the story: the farm stays up, for whoever wants to try it.

use super::error::DemoError;
use super::keys;
use super::show::Show;
use super::sites::Place;
use super::tally::Round;
use super::world::{Focus, Phase, Tone};
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
    let commands = commands(show);
    show.world.begin(
        6,
        Focus::Words,
        "Try it by hand",
        "The clients go on. What you ask the edge for is told below.",
    );
    for command in commands {
        show.world.tell(Tone::Command, command);
    }
    show.world.hint = hint(show);
    let hint = show.world.hint.clone();
    if !show.view.is_live() {
        show.world.tell(Tone::Plain, hint);
    }
}

/// What can be copied into a shell, or a browser.
fn commands(show: &Show) -> Vec<String> {
    let sites = &show.stage.edge.sites;
    let service = sites.at(Place::Service).url("/ResourceManagementService/Enumeration");
    let portal = sites.at(Place::Portal).url("/IdentityManagement");
    let file = show.stage.edge.file.display();
    let mut lines = vec![
        "curl --interface 127.0.0.131 -H 'Content-Type: application/soap+xml' \\".to_owned(),
        "  -d '<Enumerate/>' \\".to_owned(),
        format!("  {service}"),
        format!("{portal}  # in a browser: reload it"),
    ];
    if let Some(other) = &show.stage.other {
        let portal = other.sites.at(Place::Portal).url("/IdentityManagement");
        lines.push(format!("{portal}  # the same without persistence"));
    }
    if let Some(admin) = show.stage.edge.edge.admin {
        lines.push(format!("curl http://{admin}/metrics"));
    }
    lines.push(format!("{} explain --client 127.0.0.101 \\", program()));
    lines.push(format!("  --config {file} \\"));
    lines.push(format!("  POST {service}"));
    lines
}

/// How this program was called.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "identity-edge".to_owned())
}

fn hint(show: &Show) -> String {
    let end = "Ctrl-C ends everything.";
    if !keys::somebody_types() {
        return end.to_owned();
    }
    let nodes = show.world.nodes.iter().zip(1..);
    let nodes: Vec<String> = nodes.map(|(node, digit)| format!("{digit} {}", node.name)).collect();
    let nodes = nodes.join(" ");
    if show.view.is_live() {
        format!("{end} Space: farm or commands. Digits stop or start a node: {nodes}.")
    } else {
        format!("{end} A digit and Enter stops or starts a node: {nodes}.")
    }
}
