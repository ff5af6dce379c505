//! The story: what is done to the farm, what must come of it, and whether it does.

mod figures;
mod outage;
mod outcome;

use super::cast::{CAST, WALKER};
use super::error::DemoError;
use super::show::Show;
use super::sites::Place;
use super::tally::Round;
use super::world::{Client, Focus, Phase, Tone, World};
use std::time::Duration;

/// How long the clients may take for what they do in the time of a breath: more means that something hangs.
const LIMIT: Duration = Duration::from_secs(20);

/// Tells all of it. What did not hold is in the world's failures.
pub(super) async fn tell(show: &mut Show) -> Result<(), DemoError> {
    introduce(show).await?;
    kept(show).await?;
    outage::tell(show).await?;
    figures::tell(show).await?;
    without(show).await?;
    outcome::tell(&mut show.world);
    show.pause().await
}

async fn introduce(show: &mut Show) -> Result<(), DemoError> {
    let world = &mut show.world;
    world.begin(
        0,
        Focus::Words,
        "What this is for",
        "Microsoft Identity Manager (MIM) keeps conversations in one server's memory: at another, they fail. \
         identity-edge leads every client back to its own server.",
    );
    world.tell(
        Tone::Plain,
        "All on this machine: stand-ins for the servers (nodes), and the real edge before them.",
    );
    for place in Place::ALL {
        let site = show.stage.edge.sites.at(place);
        let nodes = site.nodes.join(", ");
        world.tell(Tone::Plain, format!("{} on {nodes}: {}", site.url(""), place.means()));
    }
    for moved in &show.stage.moved {
        world.tell(Tone::Expected, format!("{moved}."));
    }
    show.pause().await?;
    show.pause().await
}

/// All nodes run.
async fn kept(show: &mut Show) -> Result<(), DemoError> {
    show.world.begin(
        1,
        Focus::Farm,
        "Everybody is kept",
        "Four programs and four people with browsers, all at once. The edge knows programs by address, \
         on both ports; browsers get a cookie.",
    );
    conversations(show).await?;
    let total = *show.world.tally(Round::Calm);
    show.world.claim(
        total.astray + total.unanswered == 0,
        format!("{} requests, each answered by the node that knows the client", total.requests),
    );
    let (all, broken) = (total.all_conversations(), total.all_broken());
    show.world.claim(broken == 0, format!("{all} conversations, {broken} broken"));
    who_is_where(&mut show.world);
    show.pause().await
}

/// The same traffic in both phases: turns for everybody, and one of them goes to another network meanwhile.
async fn conversations(show: &mut Show) -> Result<(), DemoError> {
    let (walker, address) = WALKER;
    show.traffic().give(2);
    let mut done = show.rest(LIMIT).await?;
    let before = show.world.clients()[walker].seats.iter().map(|seat| seat.node).collect::<Vec<_>>();
    show.traffic().walk(walker, address);
    let name = CAST[walker].name;
    show.world
        .tell(Tone::Plain, format!("{name} walks to another network: her address is 127.0.0.{address} now"));
    show.traffic().give(1);
    done &= show.rest(LIMIT).await?;
    if !done {
        show.world.fail("every client has had its turns");
    }
    if show.world.phase == Phase::With {
        let seats = &show.world.clients()[walker].seats;
        let same = seats.iter().map(|seat| seat.node).eq(before);
        show.world
            .claim(same, format!("{name} kept her nodes and her sessions: a cookie goes where she goes"));
    }
    Ok(())
}

fn who_is_where(world: &mut World) {
    let of = |at: usize| {
        let here =
            world.clients().iter().filter(move |client| client.seats.iter().any(|seat| seat.node == at));
        names(here)
    };
    let lines: Vec<String> =
        world.nodes.iter().enumerate().map(|(at, node)| format!("{}: {}", node.name, of(at))).collect();
    for pair in lines.chunks(2) {
        world.tell(Tone::Plain, pair.join("; "));
    }
}

fn names<'c>(clients: impl Iterator<Item = &'c Client>) -> String {
    let names: Vec<&str> = clients.map(|client| client.character.name).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// The same farm before an edge that keeps nobody anywhere.
async fn without(show: &mut Show) -> Result<(), DemoError> {
    show.world.begin(
        4,
        Focus::Farm,
        "The same without persistence",
        "A second edge before the same nodes, configured `by: none`: each request goes to the next node \
         in turn. The clients do the same as in act 1.",
    );
    show.pause().await?;
    let sites = show.stage.second().await?;
    show.world.phase = Phase::Without;
    show.world.round = Round::Without;
    show.add_traffic(sites);
    conversations(show).await?;
    let (with, without) = (*show.world.tally(Round::Calm), *show.world.tally(Round::Without));
    let (all, broken) = (without.all_conversations(), without.all_broken());
    show.world.claim(all == with.all_conversations(), format!("the same {all} conversations as in act 1"));
    show.world.claim(
        broken > 0,
        format!("{broken} of them broke: their node was there, and they were sent to the other"),
    );
    show.pause().await
}
