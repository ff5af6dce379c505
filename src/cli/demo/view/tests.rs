use super::super::cast::CAST;
use super::super::sites::Place;
use super::super::traffic::{Notice, Report};
use super::super::world::{Focus, Phase, Tone, World};
use super::frame::{Size, frame};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::time::Instant;

/// Two programs on a node each, and a browser; the first program's node has stopped, and it waits.
fn world(now: Instant) -> World {
    let nodes = [
        ("mim1", Place::Service),
        ("mim2", Place::Service),
        ("portal1", Place::Portal),
        ("portal2", Place::Portal),
    ];
    let mut world = World::new(nodes.map(|(name, place)| (name.to_owned(), Some(place))));
    for (client, character, place, node) in [
        (0, CAST[0], Place::Service, "mim1"),
        (1, CAST[1], Place::Service, "mim2"),
        (2, CAST[4], Place::Portal, "portal1"),
    ] {
        world.enter(character);
        answered(&mut world, client, character.address, place, node, now);
    }
    answered(&mut world, 1, CAST[1].address, Place::Sts, "mim2", now);
    world.begin(2, Focus::Farm, "mim1 stops", "Its memory is gone.");
    world.stopped("mim1");
    world.warned(Phase::With, "mim-service/mim1 is down: connection refused");
    let from = Ipv4Addr::new(127, 0, 0, CAST[0].address);
    world.noticed(Phase::With, Notice::Asked { client: 0, from, at: now });
    world.figures = vec!["requests 4".to_owned(), "persisted 1".to_owned()];
    world
}

fn answered(world: &mut World, client: usize, address: u8, place: Place, node: &str, asked: Instant) {
    let from = Ipv4Addr::new(127, 0, 0, address);
    let report = Report { client, from, place, path: String::new(), asked, node: Some(node.to_owned()) };
    world.noticed(Phase::With, Notice::Answered(report));
}

fn drawn(world: &World, rows: usize, columns: usize, now: Instant) -> Vec<String> {
    let lines = frame(world, Size { rows, columns }, now).into_iter().map(|row| row.rendered(false));
    lines.map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn the_picture_says_who_is_where_and_who_waits() {
    let now = Instant::now();
    let expected = "\
identity-edge demo  2 of 4: mim1 stops
Its memory is gone.

╭ mim1 ───── down ╮ ╭ mim2 ─────── up ╮ ╭ portal1 ──── up ╮ ╭ portal2 ──── up ╮
│◌ sync .101  held│ │● hr   .102     2│ │● anna .111     1│ │                 │
│                 │ │                 │ │                 │ │                 │
╰ by address ─────╯ ╰ by address ─────╯ ╰ by cookie ──────╯ ╰ by cookie ──────╯
4 requests: 1 kept, 3 new, 0 moved, 0 astray
0 conversations: 0 broken, 0 begun again because their node had stopped
metrics  requests 4 · persisted 1
── What happens ───────────────────────────────────────────────────────────────
2. mim1 stops
Its memory is gone.
The edge says: mim-service/mim1 is down: connection refused
Ctrl-C ends everything.";
    assert_eq!(drawn(&world(now), 15, 80, now + Duration::from_secs(1)).join("\n"), expected);
}

#[test]
fn a_window_that_is_small_has_what_matters() {
    let now = Instant::now();
    let expected = "\
identity-edge demo  2 of 4: m…
Its memory is gone.

mim1 down sync
mim2 up hr
portal1 up anna
portal2 up
4 requests: 1 kept, 3 new, 0 …
0 conversations: 0 broken, 0 …
metrics  requests 4 ·
── What happens ──────────────
The edge says:
    mim-service/mim1 is down:
    connection refused
Ctrl-C ends everything.";
    assert_eq!(drawn(&world(now), 15, 31, now).join("\n"), expected);
}

#[test]
fn nothing_leaves_the_window() {
    let now = Instant::now();
    let mut world = world(now);
    world.tell(Tone::Command, "curl http://127.0.0.1:19901/metrics");
    for focus in [Focus::Farm, Focus::Words] {
        world.focus = focus;
        for (rows, columns) in
            (1..60).flat_map(|rows| (1..160).step_by(3).map(move |columns| (rows, columns)))
        {
            let lines = drawn(&world, rows, columns, now);
            assert!(lines.len() <= rows, "{rows} rows of {columns} columns");
            assert!(
                lines.iter().all(|line| line.chars().count() < columns),
                "{rows} rows of {columns} columns"
            );
        }
    }
}
