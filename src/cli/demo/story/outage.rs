//! A node stops and comes back.

use super::super::cast::LATECOMER;
use super::super::error::DemoError;
use super::super::show::Show;
use super::super::sites::Place;
use super::super::tally::{Round, conversations};
use super::super::world::{Focus, World};
use super::{LIMIT, names};

/// More turns than anybody takes while the node is away.
const MANY: usize = 10_000;

pub(super) async fn tell(show: &mut Show) -> Result<(), DemoError> {
    let Some(victim) = show.world.clients()[0].node(Place::Service) else { return Ok(()) };
    let name = show.world.nodes[victim].name.clone();
    show.world.begin(
        2,
        Focus::Farm,
        &format!("{name} stops, and comes back"),
        "Its memory is gone. The edge holds its clients for 2 s, in case it only restarts; then they move, \
         both ports at once. Nobody else notices.",
    );
    show.world.round = Round::Outage;
    show.pause().await?;
    let before = homes(&show.world);
    fall(show, victim, &name).await?;
    judge_fall(&mut show.world, victim, &before);
    show.pause().await?;

    let after = homes(&show.world);
    rise(show, &name).await?;
    judge_rise(&mut show.world, victim, &after);
    show.pause().await
}

/// Where every client is, in the order of clients and of what they use.
fn homes(world: &World) -> Vec<Vec<usize>> {
    world.clients().iter().map(|client| client.seats.iter().map(|seat| seat.node).collect()).collect()
}

/// Stops the node when its first client has just begun a search there, and waits until its clients have moved.
async fn fall(show: &mut Show, victim: usize, name: &str) -> Result<(), DemoError> {
    let answers = |world: &World| world.clients()[0].seats[0].answers;
    let before = answers(&show.world);
    show.traffic().give(MANY);
    show.until(LIMIT, |world| answers(world) > before).await?;
    show.stop(name).await;
    let left =
        |world: &World| world.clients().iter().all(|client| client.node(Place::Service) != Some(victim));
    show.until(LIMIT, |world| left(world) && !world.nodes[victim].down.is_empty()).await?;
    a_turn_more(show).await
}

async fn rise(show: &mut Show, name: &str) -> Result<(), DemoError> {
    show.start(name).await?;
    let up = |world: &World| world.nodes.iter().all(|node| node.down.is_empty());
    let noticed = show.until(LIMIT, up).await?;
    show.world.claim(noticed, format!("the edge noticed that {name} is back"));
    show.enter(&LATECOMER);
    show.traffic().give(MANY);
    a_turn_more(show).await?;
    show.traffic().recall();
    let rested = show.rest(LIMIT).await?;
    if !rested {
        show.world.fail("every request has been answered, and is in the access log");
    }
    Ok(())
}

async fn a_turn_more(show: &mut Show) -> Result<(), DemoError> {
    let before: Vec<usize> = show.world.clients().iter().map(|client| client.turns).collect();
    let more =
        |world: &World| world.clients().iter().zip(&before).all(|(client, before)| client.turns > before + 1);
    show.until(LIMIT, more).await.map(|_| ())
}

fn judge_fall(world: &mut World, victim: usize, before: &[Vec<usize>]) {
    let had = |seats: &[usize]| seats.contains(&victim);
    let clients = || world.clients().iter().zip(before);
    let moved = names(clients().filter(|(_, seats)| had(seats)).map(|(client, _)| client));
    let count = before.iter().filter(|seats| had(seats)).count();
    let to: Vec<usize> = clients()
        .filter(|(_, seats)| had(seats))
        .filter_map(|(client, _)| client.node(Place::Service))
        .collect();
    let once = usize::try_from(world.tally(Round::Outage).moved) == Ok(count) && !to.contains(&victim);
    let stayed = clients().filter(|(_, seats)| !had(seats));
    let calm = stayed
        .clone()
        .all(|(client, seats)| client.seats.iter().map(|seat| seat.node).eq(seats.iter().copied()));
    let others = names(stayed.map(|(client, _)| client));
    let excused = world.tally(Round::Outage).excused;
    world.claim(once, format!("{moved} moved once, both ports together"));
    world.claim(calm, format!("{others} noticed nothing"));
    let failures = world.failures.is_empty();
    let again = conversations(excused);
    world.claim(
        failures,
        format!("{again} had to begin again: the node had it in memory, and no proxy can help that"),
    );
}

fn judge_rise(world: &mut World, victim: usize, after: &[Vec<usize>]) {
    let now = homes(world);
    world.claim(now.starts_with(after), "nobody was moved back: each stays where its conversation is");
    let name = world.nodes[victim].name.clone();
    let late = world.clients().last().and_then(|client| client.node(Place::Service));
    world.claim(
        late == Some(victim),
        format!("the newcomer {} went to {name}, which had nobody", LATECOMER.name),
    );
}
