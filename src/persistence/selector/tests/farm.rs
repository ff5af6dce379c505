//! A farm of nodes, a selector in front of it, and a clock that moves by hand.

use super::super::*;
use crate::client_addr::IpPrefix;
use crate::clock::{Millis, UnixSeconds};
use crate::persistence::cookie::Ticket;
use crate::persistence::keys::KeyRing;
use crate::persistence::settings::*;
use crate::persistence::stick_table::{Key, Pin};
use crate::pool::{AdminState, BackendLive, DownCause, Health, NodeLive};
use std::time::Duration;

pub(super) const HOLD: u64 = 2_000;
pub(super) const RETURN_IDLE: u64 = 300_000;

pub(super) struct Farm {
    pub(super) selector: Selector,
    pub(super) live: SelectorLive,
    pub(super) nodes: Vec<Arc<Node>>,
    pub(super) pools: Vec<Arc<Pool>>,
    pub(super) settings: GroupSettings,
    pub(super) now: Now,
}

/// Settings with the defaults of the contract.
pub(super) fn settings(by: By) -> GroupSettings {
    GroupSettings {
        name: "g".into(),
        by,
        source_ip: SourceIpSettings {
            ipv4_prefix: 32,
            ipv6_prefix: 128,
            capacity: 1_000,
            when_full: WhenFull::EvictOldest,
        },
        static_pins: Vec::new(),
        cookie: matches!(by, By::Cookie | By::Auto).then(cookie_settings),
        idle_timeout: Duration::from_secs(3_600),
        max_age: None,
        first_choice: FirstChoice::LeastPins,
        unavailable: Unavailable::Redispatch,
        hold: Duration::from_millis(HOLD),
        after_recovery: AfterRecovery::Stay,
        return_idle: Duration::from_millis(RETURN_IDLE),
        first_requests: Duration::from_secs(10),
    }
}

fn cookie_settings() -> CookieSettings {
    CookieSettings {
        name: "EDGE".into(),
        secure: Secure::Auto,
        http_only: true,
        same_site: SameSite::Lax,
        domain: None,
        path: "/".into(),
        keys: Arc::new(KeyRing::generate("2026-01-01T00:00:00Z").unwrap()),
    }
}

impl Farm {
    /// Nodes by name, a backup's in brackets; two pools of one group; every backend is up.
    pub(super) fn new(names: &str, settings: GroupSettings) -> Self {
        let node = |(id, name): (usize, &str)| {
            let backup = name.starts_with('[');
            let live = Arc::new(NodeLive::new(AdminState::Ready));
            let id = NodeId(u16::try_from(id).unwrap());
            Arc::new(Node::new(id, name.trim_matches(['[', ']']), 1, backup, live))
        };
        let nodes: Vec<_> = names.split(' ').enumerate().map(node).collect();
        let pools: Vec<_> = (0..2).map(|index| Arc::new(pool(index, &nodes))).collect();
        let live = SelectorLive::default();
        let groups = vec![(settings.clone(), vec![0, 1])];
        let selector = Selector::new(nodes.clone(), pools.clone(), groups, &live);
        let now = Now { mono: Millis(1_000_000), wall: UnixSeconds(1_800_000_000) };
        let farm = Self { selector, live, nodes, pools, settings, now };
        for backend in farm.pools.iter().flat_map(|pool| &pool.backends) {
            backend.live.set_health(Health::Up, DownCause::Probe, Millis(0));
        }
        farm
    }

    /// The configuration as it is now, read anew: nodes in another order, without `leaving`.
    pub(super) fn reload(&mut self, leaving: &str) {
        self.nodes.retain(|node| node.name != leaving);
        self.nodes.reverse();
        let rebuilt = |pool: &Arc<Pool>| {
            let mut backends = pool.backends.clone();
            backends.retain(|backend| backend.node.name != leaving);
            backends.reverse();
            Arc::new(Pool::new(pool.index, &pool.name, backends))
        };
        self.pools = self.pools.iter().map(rebuilt).collect();
        let groups = vec![(self.settings.clone(), vec![0, 1])];
        self.selector = Selector::new(self.nodes.clone(), self.pools.clone(), groups, &self.live);
    }

    /// Time passes; the table is told, as it is several times a second.
    pub(super) fn pass(&mut self, millis: u64) {
        self.now.mono.0 += millis;
        self.now.wall = UnixSeconds(1_800_000_000 + (self.now.mono.0 - 1_000_000) / 1_000);
        self.selector.sweep(self.now, 1);
    }

    pub(super) fn node(&self, name: &str) -> &Arc<Node> {
        self.nodes.iter().find(|node| node.name == name).unwrap()
    }

    pub(super) fn backend(&self, pool: usize, name: &str) -> &Arc<Backend> {
        self.pools[pool].backend(self.node(name).id).unwrap()
    }

    pub(super) fn down(&self, pool: usize, name: &str) {
        self.backend(pool, name).live.set_health(Health::Down, DownCause::Probe, self.now.mono);
    }

    pub(super) fn up(&self, pool: usize, name: &str) {
        self.backend(pool, name).live.set_health(Health::Up, DownCause::Probe, self.now.mono);
    }

    pub(super) fn admin(&self, name: &str, state: AdminState) {
        self.node(name).live.set_admin(state);
    }

    pub(super) fn facts(client: u8) -> Facts {
        let class = (ClientClass::Soap, Why::SoapContentType);
        Facts { client: IpAddr::from([10, 0, 0, client]), class, cookie: CookieReading::Absent }
    }

    pub(super) fn select(&self, pool: usize, client: u8) -> Decision {
        self.selector.select(pool, Some(0), &Self::facts(client), self.now)
    }

    pub(super) fn used(&self, pool: usize, client: u8) -> Selection {
        used(self.select(pool, client))
    }

    /// A whole request: its node and how that was found.
    pub(super) fn serve(&self, pool: usize, client: u8) -> (String, Outcome) {
        self.complete(self.used(pool, client))
    }

    pub(super) fn complete(&self, mut selection: Selection) -> (String, Outcome) {
        let (node, outcome) = (Arc::clone(&selection.backend().node), selection.outcome());
        let _ = self.selector.commit(&mut selection, node.id, self.now);
        self.selector.finish(selection, self.now);
        (node.name.clone(), outcome)
    }

    pub(super) fn pin(&self, client: u8) -> Option<Pin> {
        let key = Key::address(Self::facts(client).client, 32, 128);
        let mut found = None;
        self.table().for_each(self.now.mono, |other, pin| {
            if other == key {
                found = Some(*pin);
            }
        });
        found
    }

    pub(super) fn table(&self) -> &crate::persistence::stick_table::StickTable {
        self.selector.groups().next().unwrap().table()
    }

    pub(super) fn browser(&self, client: u8, cookie: Option<Ticket>) -> Facts {
        let class = (ClientClass::Browser, Why::Default);
        let cookie = cookie.map_or(CookieReading::Absent, CookieReading::Valid);
        Facts { class, cookie, ..Self::facts(client) }
    }

    pub(super) fn browse(&self, client: u8, cookie: Option<Ticket>) -> Decision {
        self.selector.select(0, Some(0), &self.browser(client, cookie), self.now)
    }

    /// A whole request of a browser: node, outcome, and the cookie it was given.
    pub(super) fn visit(&self, client: u8, cookie: Option<Ticket>) -> (String, Outcome, Option<Ticket>) {
        self.answer(used(self.browse(client, cookie)))
    }

    pub(super) fn answer(&self, selection: Selection) -> (String, Outcome, Option<Ticket>) {
        let ticket = self.given(&selection);
        let (node, outcome) = self.complete(selection);
        (node, outcome, ticket)
    }

    /// The cookie that a response would set.
    pub(super) fn given(&self, selection: &Selection) -> Option<Ticket> {
        let mut line = Vec::new();
        if !self.selector.set_cookie(selection, true, self.now, &mut line) {
            assert!(line.is_empty());
            return None;
        }
        let end = line.iter().position(|byte| *byte == b';').unwrap();
        let codec = self.selector.codec(0).unwrap();
        let idle = self.settings.idle_timeout.as_secs();
        match codec.read(std::iter::once(&line[..end]), self.now.wall, idle) {
            CookieReading::Valid(ticket) => Some(ticket),
            other => panic!("{other:?}"),
        }
    }
}

fn pool(index: usize, nodes: &[Arc<Node>]) -> Pool {
    let backend = |node: &Arc<Node>| {
        Arc::new(Backend {
            node: Arc::clone(node),
            pool: index,
            port: 5725,
            slow_start: Duration::ZERO,
            live: Arc::new(BackendLive::new()),
        })
    };
    Pool::new(index, &format!("p{index}"), nodes.iter().map(backend).collect())
}

pub(super) fn used(decision: Decision) -> Selection {
    match decision {
        Decision::Use(selection) => selection,
        other => panic!("{other:?}"),
    }
}

pub(super) fn waits(decision: Decision) -> Wait {
    match decision {
        Decision::Wait(wait) => wait,
        other => panic!("{other:?}"),
    }
}

pub(super) fn refused(decision: Decision) -> Refusal {
    match decision {
        Decision::Refuse(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

pub(super) fn prefix(text: &str) -> IpPrefix {
    text.parse().unwrap()
}

pub(super) fn other(name: &str) -> &'static str {
    if name == "a" { "b" } else { "a" }
}
