//! The nodes as boxes, each client in the box of its node.

use super::super::cast::Kind;
use super::super::seat::{Seat, Standing};
use super::super::world::{Client, HELD, Node, Phase, World};
use super::text::{Paint, Row, columns};
use tokio::time::Instant;

/// Columns between two boxes.
const GAP: usize = 1;
/// The narrowest box: name and the end of an address, with its count.
const NARROWEST: usize = 19;
/// From so many columns inside there is room for a whole address.
const ROOMY: usize = 24;

/// The boxes in at most `room` rows of `width` columns, or as lists where boxes do not fit.
pub(super) fn rows(world: &World, width: usize, room: usize, now: Instant) -> Vec<Row> {
    // Two nodes serve the same, so an odd number in a row would part them.
    let Some(across) = [4, 2].into_iter().find(|across| (NARROWEST + GAP) * across - GAP <= width) else {
        return lists(world, width);
    };
    let shelves: Vec<&[Node]> = world.nodes.chunks(across).collect();
    let Some(heights) = heights(world, &shelves, room) else { return lists(world, width) };
    let wide = (width + GAP) / across - GAP;
    let mut rows = Vec::new();
    let mut first = 0;
    for (shelf, height) in shelves.into_iter().zip(heights) {
        let boxes: Vec<Vec<Row>> =
            shelf.iter().zip(first..).map(|(node, at)| one(world, node, at, wide, height, now)).collect();
        for line in 0..height + 2 {
            let row = boxes.iter().fold(Row::default(), |row, one| {
                let gap = if row.width() == 0 { 0 } else { GAP };
                row.with(Paint::Plain, " ".repeat(gap)).joined(one[line].clone())
            });
            rows.push(row);
        }
        first += shelf.len();
    }
    rows
}

/// How many clients each row of boxes has room for: all that may come, or fewer of the tallest; none if no box fits.
fn heights(world: &World, shelves: &[&[Node]], room: usize) -> Option<Vec<usize>> {
    let may_come = |node: &Node| {
        let visits =
            |client: &&Client| node.place.is_some_and(|place| client.character.visits.contains(&place));
        world.clients().iter().filter(visits).count().max(1)
    };
    let wanted = |shelf: &&[Node]| shelf.iter().map(may_come).max().unwrap_or(1);
    let mut heights: Vec<usize> = shelves.iter().map(wanted).collect();
    while heights.iter().sum::<usize>() + 2 * heights.len() > room {
        let tallest = heights.iter_mut().max().filter(|tallest| **tallest > 1)?;
        *tallest -= 1;
    }
    Some(heights)
}

fn one(world: &World, node: &Node, at: usize, wide: usize, height: usize, now: Instant) -> Vec<Row> {
    let (state, paint) = state(node);
    let inner = wide - 2;
    let edge = |left: &str, middle: Row, right: &str| Row::new(paint, left).joined(middle).with(paint, right);
    let name = Row::new(Paint::Bold, format!(" {} ", node.name));
    let state = format!(" {state} ");
    let line = "─".repeat(inner.saturating_sub(name.width() + columns(&state)));
    let mut rows = vec![edge("╭", name.with(paint, line).with(paint, state).cut(inner), "╮")];
    let guests = guests(world, at);
    let shown = if guests.len() > height { height - 1 } else { height };
    for (client, seat) in guests.iter().take(shown) {
        rows.push(edge("│", guest(client, seat, inner, now), "│"));
    }
    if guests.len() > height {
        let more = Row::new(Paint::Dim, format!("  and {} more", guests.len() - shown));
        rows.push(edge("│", more.fitted(inner, ' '), "│"));
    }
    rows.resize(height + 1, edge("│", Row::default().fitted(inner, ' '), "│"));
    let known = format!(" {} ", known_by(world.phase, node, world));
    let line = "─".repeat(inner.saturating_sub(columns(&known)));
    rows.push(edge("╰", Row::new(Paint::Dim, known).with(paint, line).cut(inner), "╯"));
    rows
}

/// Where there is no room for boxes: who is on each node, in a line.
fn lists(world: &World, width: usize) -> Vec<Row> {
    let list = |(at, node): (usize, &Node)| {
        let (state, paint) = state(node);
        let names: Vec<&str> = guests(world, at).iter().map(|(client, _)| client.character.name).collect();
        let row = Row::new(Paint::Bold, format!("{} ", node.name)).with(paint, state);
        row.with(Paint::Plain, format!(" {}", names.join(" "))).cut(width)
    };
    world.nodes.iter().enumerate().map(list).collect()
}

fn guests(world: &World, at: usize) -> Vec<(&Client, &Seat)> {
    let seats = |client| move |seat| (client, seat);
    let all = world.clients().iter().flat_map(|client: &Client| client.seats.iter().map(seats(client)));
    all.filter(|(_, seat): &(&Client, &Seat)| seat.node == at).collect()
}

fn guest(client: &Client, seat: &Seat, inner: usize, now: Instant) -> Row {
    let held = client.asked.is_some_and(|asked| now.duration_since(asked) >= HELD);
    let (mark, paint, word) = match seat.standing {
        _ if held => ("◌", Paint::Yellow, "held".to_owned()),
        Standing::Home => ("●", Paint::Green, seat.answers.to_string()),
        Standing::Moved => ("▲", Paint::Yellow, "moved".to_owned()),
        Standing::Broken(times) => ("✗", Paint::Red, format!("{times}×")),
    };
    let address = client.address.to_string();
    let short = address.rfind('.').and_then(|dot| address.get(dot..)).unwrap_or_default();
    let address = if inner >= ROOMY { &address } else { short };
    let left = Row::new(paint, mark).with(Paint::Plain, format!(" {:4}", client.character.name));
    let left = left.with(Paint::Dim, format!(" {address}"));
    left.fitted(inner.saturating_sub(columns(&word)), ' ').with(paint, word).cut(inner)
}

fn state(node: &Node) -> (&'static str, Paint) {
    match (node.runs, node.down.is_empty()) {
        (true, true) => ("up", Paint::Green),
        (true, false) => ("starting", Paint::Yellow),
        (false, true) => ("stopped", Paint::Yellow),
        (false, false) => ("down", Paint::Red),
    }
}

fn known_by(phase: Phase, node: &Node, world: &World) -> &'static str {
    if phase == Phase::Without {
        return "kept by nothing";
    }
    let visits = |client: &&Client| node.place.is_some_and(|place| client.character.visits.contains(&place));
    match world.clients().iter().find(visits).map(|client| client.character.kind) {
        Some(Kind::Program) => "by address",
        Some(Kind::Browser) => "by cookie",
        None => "",
    }
}
