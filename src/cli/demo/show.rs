//! Keeps the world up to date and in view while the story waits for something.

use super::cast::{CAST, Character};
use super::edge::{Edge, Said};
use super::error::DemoError;
use super::keys::{self, Key};
use super::metrics::Scrape;
use super::sites::Place;
use super::stage::Stage;
use super::traffic::{Notice, Traffic};
use super::view::View;
use super::world::{Focus, Phase, Tone, World};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout_at};

/// How often a picture is drawn, when nothing else happens.
const REDRAW: Duration = Duration::from_millis(100);
/// How often metrics are asked for.
const SCRAPE: Duration = Duration::from_secs(1);

/// How fast it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Between two requests of one client.
    pub(super) beat: Duration,
    /// For what was said to be read.
    pub(super) pause: Duration,
}

impl Pace {
    /// For somebody who watches.
    pub(super) const WATCHED: Self =
        Self { beat: Duration::from_millis(350), pause: Duration::from_millis(2500) };
    /// For a test, or a log.
    pub(super) const QUICK: Self = Self { beat: Duration::from_millis(80), pause: Duration::ZERO };
}

/// The demo as it runs.
#[derive(Debug)]
pub(super) struct Show {
    pub(super) stage: Stage,
    pub(super) world: World,
    pub(super) view: View,
    pub(super) pace: Pace,
    /// For each phase.
    traffics: Vec<Traffic>,
    notices: Vec<UnboundedReceiver<Notice>>,
    typed: UnboundedReceiver<Key>,
    /// Whether keys do something.
    pub(super) obeys: bool,
    redraw: Interval,
    scrape: Interval,
    resize: Signal,
}

impl Show {
    pub(super) fn new(stage: Stage, view: View, pace: Pace) -> Result<Self, DemoError> {
        let every = |period| {
            let mut interval = interval(period);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        };
        let names = stage.config.nodes.iter().map(|node| node.name.clone());
        let nodes: Vec<_> = names
            .map(|name| {
                let place = stage.edge.sites.place(&name);
                (name, place)
            })
            .collect();
        let mut show = Self {
            world: World::new(nodes),
            stage,
            view,
            pace,
            traffics: Vec::new(),
            notices: Vec::new(),
            typed: keys::typed()?,
            obeys: false,
            redraw: every(REDRAW),
            scrape: every(SCRAPE),
            resize: signal(SignalKind::window_change()).map_err(DemoError::io("handle signals"))?,
        };
        let sites = show.stage.edge.sites.clone();
        show.add_traffic(sites);
        Ok(show)
    }

    /// Clients for the edge of the phase that has none yet.
    pub(super) fn add_traffic(&mut self, sites: super::sites::Sites) {
        let (sender, notices) = unbounded_channel();
        self.traffics.push(Traffic::new(sites, self.pace.beat, sender));
        self.notices.push(notices);
        for character in &CAST {
            self.enter(character);
        }
    }

    pub(super) fn enter(&mut self, character: &Character) {
        self.traffic().enter(character);
        self.world.enter(*character);
    }

    /// The clients of the phase.
    pub(super) fn traffic(&mut self) -> &mut Traffic {
        &mut self.traffics[self.world.phase as usize]
    }

    /// Waits until it is so, and tells whether it came in time.
    pub(super) async fn until(
        &mut self,
        limit: Duration,
        done: impl Fn(&World) -> bool,
    ) -> Result<bool, DemoError> {
        let deadline = Instant::now() + limit;
        loop {
            if done(&self.world) {
                self.view.show(&self.world);
                return Ok(true);
            }
            match timeout_at(deadline, self.step()).await {
                Ok(result) => result?,
                Err(_) => return Ok(false),
            }
        }
    }

    /// Lets it go on for a while.
    pub(super) async fn pass(&mut self, time: Duration) -> Result<(), DemoError> {
        self.until(time, |_| false).await.map(|_| ())
    }

    /// Leaves time to read.
    pub(super) async fn pause(&mut self) -> Result<(), DemoError> {
        self.view.show(&self.world);
        self.pass(self.pace.pause).await
    }

    /// Waits until every client has had all its turns and all is told; false if that takes too long.
    pub(super) async fn rest(&mut self, limit: Duration) -> Result<bool, DemoError> {
        let given = self.traffic().given();
        let had_all =
            move |world: &World| world.clients().iter().map(|client| client.turns).eq(given.iter().copied());
        self.until(limit, |world| had_all(world) && world.is_quiet()).await
    }

    /// What the metrics say now.
    pub(super) async fn scrape(&mut self) -> Option<Scrape> {
        let scrape = Scrape::take(self.stage.edge.edge.admin?).await?;
        let service = self.stage.edge.sites.at(Place::Service);
        self.world.figures = scrape.in_words(&self.stage.group(), &service.nodes);
        Some(scrape)
    }

    /// One thing that happens. It may be dropped while it waits.
    async fn step(&mut self) -> Result<(), DemoError> {
        let other = self.stage.other.as_mut().map(|run| &mut run.edge);
        let [with, rest @ ..] = &mut self.notices[..] else { return Ok(()) };
        let without = rest.first_mut();
        // What clients say comes first: who has which address must be known before the log names it.
        tokio::select! {
            biased;
            Some(notice) = with.recv() => self.world.noticed(Phase::With, notice),
            Some(notice) = next(without) => self.world.noticed(Phase::Without, notice),
            said = self.stage.edge.edge.next() => return self.heard(Phase::With, said),
            Some(said) = said(other) => return self.heard(Phase::Without, said),
            Some(key) = self.typed.recv() => self.obey(key).await?,
            _ = self.resize.recv() => self.view.resized(),
            _ = self.redraw.tick() => self.view.show(&self.world),
            _ = self.scrape.tick() => { self.scrape().await; }
        }
        Ok(())
    }

    fn heard(&mut self, phase: Phase, said: Said) -> Result<(), DemoError> {
        match said {
            Said::Request(entry) => self.world.logged(phase, *entry),
            Said::Warning(text) => self.world.warned(phase, &text),
            Said::Ended => {
                let run =
                    if phase == Phase::With { Some(&self.stage.edge) } else { self.stage.other.as_ref() };
                let said = run.map(|run| run.edge.said()).unwrap_or_default();
                return Err(DemoError::Edge { what: "has ended", said });
            }
        }
        Ok(())
    }

    async fn obey(&mut self, key: Key) -> Result<(), DemoError> {
        if !self.obeys {
            return Ok(());
        }
        match key {
            Key::Turn => {
                let words = self.world.focus == Focus::Words;
                self.world.focus = if words { Focus::Farm } else { Focus::Words };
                Ok(())
            }
            Key::Node(number) => {
                self.world.focus = Focus::Farm;
                self.toggle(number).await
            }
        }
    }

    /// Stops a node that runs, or starts one that does not.
    async fn toggle(&mut self, number: usize) -> Result<(), DemoError> {
        let node = number.checked_sub(1).and_then(|at| self.world.nodes.get(at));
        let Some((name, runs)) = node.map(|node| (node.name.clone(), node.runs)) else { return Ok(()) };
        if runs {
            self.stop(&name).await;
            Ok(())
        } else {
            self.start(&name).await
        }
    }

    pub(super) async fn stop(&mut self, name: &str) {
        self.world.stopped(name);
        self.world.tell(Tone::Expected, format!("{name} stops, and forgets everything"));
        self.stage.farm.stop(name).await;
    }

    pub(super) async fn start(&mut self, name: &str) -> Result<(), DemoError> {
        if self.stage.farm.start_again(name).await? {
            self.world.started(name);
            self.world.tell(Tone::Plain, format!("{name} starts again, with nothing in its memory"));
        }
        Ok(())
    }
}

async fn next(notices: Option<&mut UnboundedReceiver<Notice>>) -> Option<Notice> {
    notices?.recv().await
}

async fn said(edge: Option<&mut Edge>) -> Option<Said> {
    Some(edge?.next().await)
}
