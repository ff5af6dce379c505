//! The picture: the world in a given number of rows and columns, nothing else.

use super::super::tally::conversations;
use super::super::world::{ACTS, Focus, Line, Phase, Tone, World};
use super::boxes;
use super::text::{Paint, Row, wrapped};
use tokio::time::Instant;

/// A terminal's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// Rows that events get at least, with the line above them.
const EVENTS: usize = 4;
/// Lines of explanation.
const ABOUT: usize = 2;

/// The world in `size`. The last column stays free: some terminals begin a new line when something is written there.
pub(super) fn frame(world: &World, size: Size, now: Instant) -> Vec<Row> {
    let width = size.columns.saturating_sub(1);
    let mut rows = vec![header(world, width)];
    let about = wrapped(&world.about, width, "");
    rows.extend(about.into_iter().take(ABOUT).map(|line| Row::new(Paint::Plain, line)));
    rows.resize(1 + ABOUT, Row::default());
    let mut figures = figures(world, width);
    figures.truncate(size.rows / 4);
    let mut foot = wrapped(&world.hint, width, "");
    foot.truncate((size.rows / 8).max(1));
    let room = size.rows.saturating_sub(rows.len() + figures.len() + foot.len());
    rows.extend(picture(world, width, room, now));
    rows.extend(figures);
    let room = size.rows.saturating_sub(rows.len() + foot.len());
    rows.extend(events(world, width, room));
    rows.truncate(size.rows.saturating_sub(foot.len()));
    rows.extend(foot.into_iter().map(|line| Row::new(Paint::Dim, line)));
    rows.truncate(size.rows);
    rows
}

/// The farm, unless words matter more and need the room.
fn picture(world: &World, width: usize, room: usize, now: Instant) -> Vec<Row> {
    match world.focus {
        Focus::Farm => boxes::rows(world, width, room.saturating_sub(EVENTS), now),
        Focus::Words => {
            let whole = boxes::rows(world, width, usize::MAX, now);
            let words: usize = world.told.iter().skip(world.first).map(|line| event(line, width).len()).sum();
            if whole.len() + words.max(EVENTS) < room { whole } else { Vec::new() }
        }
    }
}

fn header(world: &World, width: usize) -> Row {
    let (number, title) = &world.act;
    let place = if (1..=ACTS).contains(number) { format!("  {number} of {ACTS}: ") } else { "  ".to_owned() };
    Row::new(Paint::Cyan, "identity-edge demo").with(Paint::Plain, place).with(Paint::Bold, title).cut(width)
}

/// What the demo counts, and what the metrics say.
fn figures(world: &World, width: usize) -> Vec<Row> {
    let total = world.total();
    if total.requests == 0 {
        return Vec::new();
    }
    let bad = |count: u32| if count == 0 { Paint::Green } else { Paint::Red };
    let counts = Row::new(Paint::Plain, format!("{} requests: ", total.requests));
    let counts = match world.phase {
        Phase::With => counts
            .with(Paint::Green, format!("{} kept", total.kept))
            .with(Paint::Plain, format!(", {} new, ", total.fresh))
            .with(
                if total.moved == 0 { Paint::Plain } else { Paint::Yellow },
                format!("{} moved, ", total.moved),
            )
            .with(bad(total.astray), format!("{} astray", total.astray)),
        Phase::Without => counts
            .with(Paint::Plain, format!("{} by the node before, ", total.kept))
            .with(bad(total.astray), format!("{} by another", total.astray)),
    };
    let broken = total.all_broken() - total.excused;
    let again = if total.excused == 0 { Paint::Plain } else { Paint::Yellow };
    let mut talks = Row::new(Paint::Plain, format!("{}: ", conversations(total.all_conversations())))
        .with(bad(broken), format!("{broken} broken"));
    if world.phase == Phase::With {
        talks = talks.with(again, format!(", {} begun again because their node had stopped", total.excused));
    }
    let mut rows = vec![counts.cut(width), talks.cut(width)];
    if world.phase == Phase::With && !world.figures.is_empty() {
        let text = format!("metrics  {}", world.figures.join(" · "));
        rows.extend(wrapped(&text, width, "         ").into_iter().map(|line| Row::new(Paint::Dim, line)));
    }
    rows
}

/// The last things that happened, the latest at the bottom; where words matter, below the commands of the act.
fn events(world: &World, width: usize, room: usize) -> Vec<Row> {
    let Some(room) = room.checked_sub(1) else { return Vec::new() };
    let rows_of =
        |lines: Vec<&Line>| lines.into_iter().flat_map(|line| event(line, width)).collect::<Vec<Row>>();
    let first = if world.focus == Focus::Words { world.first } else { 0 };
    let (commands, others): (Vec<&Line>, Vec<&Line>) =
        world.told.iter().skip(first).partition(|line| line.tone == Tone::Command);
    let pinned = if world.focus == Focus::Words { rows_of(commands) } else { Vec::new() };
    // No line takes less than a row.
    let skipped = others.len().saturating_sub(room);
    let recent = rows_of(others.into_iter().skip(skipped).collect());
    let left = room.saturating_sub(pinned.len());
    let mut rows = vec![Row::new(Paint::Dim, "── What happens ").fitted(width, '─')];
    rows.extend(pinned.into_iter().take(room));
    let skipped = recent.len().saturating_sub(left);
    rows.extend(recent.into_iter().skip(skipped));
    rows.resize(room + 1, Row::default());
    rows
}

fn event(line: &Line, width: usize) -> Vec<Row> {
    let paint = match line.tone {
        Tone::Title => Paint::Bold,
        Tone::Plain => Paint::Plain,
        Tone::Good => Paint::Green,
        Tone::Expected => Paint::Yellow,
        Tone::Bad => Paint::Red,
        Tone::Edge => Paint::Dim,
        Tone::Command if line.text.starts_with('#') => Paint::Dim,
        Tone::Command => Paint::Cyan,
    };
    wrapped(&line.text, width, "    ").into_iter().map(|text| Row::new(paint, text)).collect()
}
