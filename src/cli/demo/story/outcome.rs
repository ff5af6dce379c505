//! The end of the story: both ways side by side.

use super::super::tally::{Round, Tally, conversations};
use super::super::traffic::Talk;
use super::super::world::{Focus, Tone, World};

/// What each kind of conversation that breaks is told as.
fn broken_as(talk: Talk) -> &'static str {
    match talk {
        Talk::Search => "  searches: the cursor is not known",
        Talk::Token => "  tokens: refused at the other port",
        Talk::Visit => "  web sites: the session is lost",
    }
}

pub(super) fn tell(world: &mut World) {
    let (with, outage, without) =
        (*world.tally(Round::Calm), *world.tally(Round::Outage), *world.tally(Round::Without));
    let first = world.told.len();
    world.begin(5, Focus::Words, "Result", "The same clients, the same nodes, the same conversations.");
    for line in table(&with, &without) {
        world.tell(Tone::Plain, line);
    }
    let sum = |tally: &Tally| {
        format!("{}, {} broken", conversations(tally.all_conversations()), tally.all_broken())
    };
    world.tell(Tone::Good, format!("With persistence: {}. Without: {}.", sum(&with), sum(&without)));
    world.tell(
        Tone::Plain,
        format!(
            "While a node was away: {} with persistence, {} had to begin again.",
            conversations(outage.all_conversations()),
            outage.excused
        ),
    );
    if world.failures.is_empty() {
        world.tell(Tone::Good, "✓ Everything that was claimed here held.");
    } else {
        let failures = world.failures.clone();
        world.tell(Tone::Bad, format!("✗ {} of the claims did not hold:", failures.len()));
        for failure in failures {
            world.tell(Tone::Bad, format!("  {failure}"));
        }
    }
    world.result = Some(first..world.told.len());
}

fn table(with: &Tally, without: &Tally) -> Vec<String> {
    let line = |what: &str, one: u32, two: u32| format!("{what:40} {one:>16} {two:>10}");
    let mut lines = vec![
        format!("{:40} {:>16} {:>10}", "", "with persistence", "without"),
        line("conversations", with.all_conversations(), without.all_conversations()),
        line("broken", with.all_broken(), without.all_broken()),
    ];
    for talk in Talk::ALL {
        lines.push(line(broken_as(talk), with.broken[talk as usize], without.broken[talk as usize]));
    }
    lines
}
