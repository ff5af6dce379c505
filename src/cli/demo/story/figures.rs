//! What the metrics say, next to what the demo counted.

use super::super::error::DemoError;
use super::super::metrics::Scrape;
use super::super::show::Show;
use super::super::sites::Place;
use super::super::world::{Focus, Tone, World};
use crate::metrics::names;
use std::time::Duration;

/// A request is counted a moment after its answer.
const SETTLING: Duration = Duration::from_millis(100);
const ATTEMPTS: usize = 30;

/// One figure from both sides.
#[derive(Debug)]
struct Row {
    name: String,
    scraped: u32,
    counted: u32,
    means: &'static str,
}

pub(super) async fn tell(show: &mut Show) -> Result<(), DemoError> {
    show.world.begin(
        3,
        Focus::Words,
        "What the metrics say",
        "The edge tells Prometheus what it does. Its figures stand next to what the demo itself has counted.",
    );
    let Some(admin) = show.stage.edge.edge.admin else {
        show.world.tell(Tone::Plain, "This configuration has no admin listener, so there are no metrics.");
        return show.pause().await;
    };
    let mut rows = Vec::new();
    for _ in 0..ATTEMPTS {
        if let Some(scrape) = show.scrape().await {
            rows = compared(&scrape, &show.world, &show.stage.group());
        }
        if !rows.is_empty() && rows.iter().all(|row| row.scraped == row.counted) {
            break;
        }
        show.pass(SETTLING).await?;
    }
    let world = &mut show.world;
    world.tell(Tone::Plain, format!("curl http://{admin}/metrics"));
    world.tell(Tone::Plain, format!("{:50} {:>7} {:>7}", "identity_edge_…", "metrics", "counted"));
    for Row { name, scraped, counted, means } in &rows {
        world.tell(Tone::Plain, format!("{name:50} {scraped:7} {counted:7}  {means}"));
    }
    let equal = !rows.is_empty() && rows.iter().all(|row| row.scraped == row.counted);
    world.claim(equal, "the metrics and the demo agree");
    let agreed = world.witnesses[world.phase as usize].agreed;
    world.claim(
        agreed > 0,
        format!("{agreed} times the access log named the node that answered, and never another"),
    );
    show.pause().await
}

fn compared(scrape: &Scrape, world: &World, group: &str) -> Vec<Row> {
    let total = world.total();
    let witness = &world.witnesses[world.phase as usize];
    let outcome = |outcome: &'static str, answered: u32, means| Row {
        name: format!("persistence_outcomes_total{{outcome=\"{outcome}\"}}"),
        scraped: scrape.count(&names::PERSISTENCE_OUTCOMES, &[("outcome", outcome)]),
        counted: answered + witness.unanswered(outcome),
        means,
    };
    let mut rows = vec![
        Row {
            name: "requests_total".to_owned(),
            scraped: scrape.count(&names::REQUESTS, &[]),
            counted: total.requests,
            means: "all",
        },
        outcome("fresh", total.fresh, "new clients"),
        outcome("persisted", total.kept, "kept"),
        outcome("redispatched", total.moved, "moved"),
    ];
    for (at, node) in world.nodes.iter().enumerate().filter(|(_, node)| node.place == Some(Place::Service)) {
        let here = world.clients().iter().filter(|client| client.node(Place::Service) == Some(at));
        rows.push(Row {
            name: format!("pins{{node=\"{}\"}}", node.name),
            scraped: scrape.count(&names::PINS, &[("group", group), ("node", &node.name)]),
            counted: u32::try_from(here.count()).unwrap_or(u32::MAX),
            means: "programs",
        });
    }
    rows
}
