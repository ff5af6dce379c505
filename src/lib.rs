//! Every request of a session on the node that knows it.
//!
//! Servers that keep session state in memory need every request of a session. This crate is a reverse proxy
//! that gives it to them, and the part of it that decides, for proxies of your own.
//!
//! - With the default feature `edge` it is the program `identity-edge`, built on Pingora: an edge for the farms
//!   of Microsoft Identity Manager. `README.md` tells how to run it, `docs/` what can be configured.
//! - Without default features it is the selector core: [`persistence`], [`pool`], [`route`], [`client_addr`],
//!   [`id`] and [`clock`]. It does no I/O, needs no runtime and takes time as an argument.
//!
//! What the other modules offer is there for the program, and changes with it.
//!
//! # The selector
//!
//! Two nodes, one pool, and one persistence group that knows its clients by address:
//!
//! ```
//! use identity_edge::clock::{Millis, Now, UnixSeconds};
//! use identity_edge::id::Interner;
//! use identity_edge::persistence::client_class::{ClassFacts, classify};
//! use identity_edge::persistence::cookie::CookieReading;
//! use identity_edge::persistence::settings::{
//!     AfterRecovery, By, FirstChoice, GroupSettings, SourceIpSettings, Unavailable, WhenFull,
//! };
//! use identity_edge::persistence::{Decision, Facts, Outcome, Selector, SelectorLive};
//! use identity_edge::pool::{AdminState, Backend, BackendLive, DownCause, Health, Node, NodeLive, Pool};
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! let at = |seconds: u64| Now { mono: Millis(seconds * 1000), wall: UnixSeconds(1_790_000_000 + seconds) };
//! let names = Interner::default();
//! let nodes = ["mim1", "mim2"].map(|name| {
//!     let live = Arc::new(NodeLive::new(AdminState::Ready));
//!     Arc::new(Node::new(names.intern(name).unwrap(), name, 1, false, live))
//! });
//! let backends = nodes.clone().map(|node| {
//!     let live = Arc::new(BackendLive::new());
//!     live.set_health(Health::Up, DownCause::Probe, at(0).mono); // what a probe found
//!     Arc::new(Backend { node, pool: 0, port: 5725, slow_start: Duration::ZERO, live })
//! });
//! let group = GroupSettings {
//!     name: "mim-service".into(),
//!     by: By::SourceIp,
//!     source_ip: SourceIpSettings {
//!         ipv4_prefix: 32,
//!         ipv6_prefix: 128,
//!         capacity: 100_000,
//!         when_full: WhenFull::EvictOldest,
//!     },
//!     static_pins: Vec::new(),
//!     cookie: None,
//!     idle_timeout: Duration::from_secs(36_000),
//!     max_age: None,
//!     first_choice: FirstChoice::LeastPins,
//!     unavailable: Unavailable::Redispatch,
//!     hold: Duration::from_secs(2),
//!     after_recovery: AfterRecovery::Stay,
//!     return_idle: Duration::from_secs(300),
//!     first_requests: Duration::from_secs(10),
//! };
//! let pool = Arc::new(Pool::new(0, "mim-service", backends.to_vec()));
//! let remembered = SelectorLive::default(); // outlives the selectors that a new configuration makes
//! let selector = Selector::new(nodes.to_vec(), vec![pool], vec![(group, vec![0])], &remembered);
//!
//! let serve = |client: &str, now: Now| {
//!     let facts = Facts {
//!         client: client.parse().unwrap(),
//!         class: classify(&ClassFacts { path: b"/", content_type: None, soap_action: false }),
//!         cookie: CookieReading::Absent,
//!     };
//!     let Decision::Use(mut selection) = selector.select(0, Some(0), &facts, now) else { panic!("wait, or 503") };
//!     // Here the request goes to `selection.backend()`. The head of its response confirms the pin.
//!     let (node, outcome) = (selection.backend().node.clone(), selection.outcome());
//!     let _for_other_edges = selector.commit(&mut selection, node.id, now);
//!     selector.finish(selection, now);
//!     (node.name.clone(), outcome)
//! };
//! let (first, outcome) = serve("192.0.2.1", at(1));
//! assert_eq!(outcome, Outcome::Fresh);
//! assert_eq!(serve("192.0.2.1", at(2)), (first.clone(), Outcome::Persisted));
//! assert_ne!(serve("192.0.2.2", at(3)).0, first, "the node with the fewest pins");
//! ```
//!
//! A failed connect is told to [`persistence::Selector::after_connect_failure`]; the page of [`persistence`]
//! tells the whole order of calls.

#[cfg(feature = "edge")]
pub mod admin;
#[cfg(feature = "edge")]
pub mod cli;
pub mod client_addr;
pub mod clock;
#[cfg(feature = "edge")]
pub mod config;
#[cfg(feature = "edge")]
pub mod engine;
#[cfg(all(feature = "edge", any(test, feature = "fuzzing")))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "edge")]
pub mod health;
pub mod id;
#[cfg(feature = "edge")]
pub mod metrics;
pub mod persistence;
pub mod pool;
#[cfg(feature = "edge")]
pub mod proxy;
pub mod route;
#[cfg(feature = "edge")]
pub mod server;
#[cfg(feature = "edge")]
pub mod snapshot;
