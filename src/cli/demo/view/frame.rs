//! The picture: the world in a given number of rows and columns, nothing else.

use super::super::tally::Round;
use super::super::world::{ACTS, Line, Phase, Tone, World};
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
    let foot = wrapped(&world.hint, width, "");
    let figures = figures(world, width);
    let below = figures.len() + EVENTS + foot.len();
    rows.extend(boxes::rows(world, width, size.rows.saturating_sub(rows.len() + below), now));
    rows.extend(figures);
    let room = size.rows.saturating_sub(rows.len() + foot.len());
    rows.extend(events(world, width, room));
    rows.truncate(size.rows.saturating_sub(foot.len()));
    rows.extend(foot.into_iter().map(|line| Row::new(Paint::Dim, line)));
    rows.truncate(size.rows);
    rows
}

fn header(world: &World, width: usize) -> Row {
    let (number, title) = &world.act;
    let place = if (1..=ACTS).contains(number) { format!("  {number} of {ACTS}: ") } else { "  ".to_owned() };
    Row::new(Paint::Cyan, "identity-edge demo").with(Paint::Plain, place).with(Paint::Bold, title).cut(width)
}

/// What the demo counts, and what the metrics say.
fn figures(world: &World, width: usize) -> Vec<Row> {
    let total = world.total();
    let bad = |count: u32| if count == 0 { Paint::Green } else { Paint::Red };
    let counts = Row::new(Paint::Plain, format!("{} requests: ", total.requests));
    let counts = match world.phase {
        Phase::With => counts
            .with(Paint::Green, format!("{} kept", total.kept))
            .with(Paint::Plain, format!(", {} new, ", total.fresh))
            .with(if total.moved == 0 { Paint::Plain } else { Paint::Yellow }, format!("{} moved, ", total.moved))
            .with(bad(total.astray), format!("{} astray", total.astray)),
        Phase::Without => counts
            .with(Paint::Plain, format!("{} by the node before, ", total.kept))
            .with(bad(total.astray), format!("{} by another", total.astray)),
    };
    let broken = total.all_broken() - total.excused;
    let talks = counts
        .with(Paint::Dim, "  │  ")
        .with(Paint::Plain, format!("{} conversations, ", total.all_conversations()))
        .with(bad(broken), format!("{broken} broken"));
    let mut rows = vec![talks.cut(width)];
    if world.phase == Phase::With && !world.figures.is_empty() {
        let text = format!("metrics  {}", world.figures.join(" · "));
        rows.extend(wrapped(&text, width, "         ").into_iter().map(|line| Row::new(Paint::Dim, line)));
    }
    if world.round == Round::Outage || total.excused > 0 {
        let text = format!("{} conversations had to begin again, theirs died with the node", total.excused);
        rows.push(Row::new(Paint::Yellow, text).cut(width));
    }
    rows
}

/// The last things that happened, the latest at the bottom.
fn events(world: &World, width: usize, room: usize) -> Vec<Row> {
    let Some(room) = room.checked_sub(1) else { return Vec::new() };
    let mut rows = vec![Row::new(Paint::Dim, "── What happens ").fitted(width, '─')];
    // No line takes more rows than there are.
    let recent = world.told.iter().skip(world.told.len().saturating_sub(room));
    let lines: Vec<Row> = recent.flat_map(|line| event(line, width)).collect();
    let first = lines.len().saturating_sub(room);
    rows.extend(lines.into_iter().skip(first));
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
    };
    wrapped(&line.text, width, "    ").into_iter().map(|text| Row::new(paint, text)).collect()
}
