//! Sticky sessions for proxies: every request of a client goes to the node that knows it, by source address, by a
//! sealed cookie, or by either as the request suggests. It is a plugin for [Pingora](https://docs.rs/pingora)
//! services, a selector without I/O for anything else, and a reverse proxy of its own, `identity-edge`, for farms
//! of Microsoft Identity Manager.
//!
//! # You have a Pingora service
//!
//! Your load balancer discovers and checks the nodes as before. A [`PersistenceGroup`] above it decides, and
//! remembers who is where whatever the load balancer makes anew:
//!
//! ```no_run
//! use async_trait::async_trait;
//! use identity_edge::persistence::pingora::{NodeSettings, PersistenceContext, PersistenceGroup, PersistentPool};
//! use identity_edge::persistence::settings::GroupSettings;
//! use pingora_core::prelude::*;
//! use pingora_http::ResponseHeader;
//! use pingora_load_balancing::{LoadBalancer, selection::RoundRobin};
//! use pingora_proxy::{ProxyHttp, Session};
//! use std::sync::Arc;
//!
//! struct Service(PersistentPool);
//!
//! #[async_trait]
//! impl ProxyHttp for Service {
//!     type CTX = PersistenceContext; // or a field of yours: one for each request
//!     fn new_ctx(&self) -> Self::CTX {
//!         PersistenceContext::default()
//!     }
//!     async fn upstream_peer(&self, session: &mut Session, ctx: &mut Self::CTX) -> Result<Box<HttpPeer>> {
//!         let backend = self.0.select(session, ctx).await?; // the client's node, or its first one
//!         Ok(Box::new(HttpPeer::new(backend, false, String::new())))
//!     }
//!     fn fail_to_connect(
//!         &self, _: &mut Session, _: &HttpPeer, ctx: &mut Self::CTX, error: Box<Error>,
//!     ) -> Box<Error> {
//!         self.0.connect_failed(ctx, error) // the same node once more, then another
//!     }
//!     async fn response_filter(
//!         &self, _: &mut Session, response: &mut ResponseHeader, ctx: &mut Self::CTX,
//!     ) -> Result<()> {
//!         self.0.commit(ctx, response) // it answered: remember that
//!     }
//!     async fn logging(&self, _: &mut Session, _: Option<&Error>, ctx: &mut Self::CTX) {
//!         self.0.finish(ctx);
//!     }
//! }
//!
//! let load_balancer = Arc::new(LoadBalancer::<RoundRobin>::try_from_iter(["10.20.0.11:5725", "10.20.0.12:5725"])?);
//! let group = PersistenceGroup::new(GroupSettings::by_source_ip("mim-service"), NodeSettings::by_address);
//! let service = Service(group.pool("mim-service", load_balancer));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! A whole service, with health checks, two ports that share their pins, names for the nodes, and cookies for
//! browsers, is `examples/embed.rs`. The page of the adapter, [`persistence::pingora`], says what each call does.
//! Turn the crate's default features off and `pingora` on: no command line and no YAML come with it, and which TLS
//! Pingora uses is yours to say.
//!
//! # You have something else
//!
//! Without features the crate is the selector core: [`persistence`], [`pool`], [`route`], [`client_addr`], [`id`]
//! and [`clock`]. It does no I/O, needs no runtime and takes time as an argument. Two nodes, one pool, and one
//! persistence group that knows its clients by address:
//!
//! ```
//! use identity_edge::clock::{Millis, Now, UnixSeconds};
//! use identity_edge::id::Interner;
//! use identity_edge::persistence::client_class::{ClassFacts, classify};
//! use identity_edge::persistence::cookie::CookieReading;
//! use identity_edge::persistence::settings::GroupSettings;
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
//! let group = GroupSettings::by_source_ip("mim-service");
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
//!
//! # You have a farm
//!
//! With the default feature `edge` the crate is the program `identity-edge`. `README.md` tells how to run it, `docs/`
//! what can be configured. What the other modules offer is there for the program, and changes with it.
//!
//! # How it is built
//!
//! ```text
//! cli ─▶ config                        a file becomes checked values; all errors at once, with their places
//!  └──▶ server                         values become running workers: threads, sockets, probes, signals
//!         ├─▶ snapshot                 one unchanging view of a configuration, which requests hold on to
//!         ├─▶ health ─▶ pool           probes and what they found: the state of each backend
//!         ├─▶ admin ──▶ metrics        what is told: figures, where a client is, whether the edge is well
//!         └─▶ proxy                    a request's phases, one file each
//!               ├─▶ engine             moves bytes; knows no route and no pin
//!               ├─▶ route              host and path lead to a route
//!               └─▶ persistence ─▶ pool  decides; does no I/O, reads no clock
//! ```
//!
//! - **Who decides moves no bytes.** The engine drives a small trait, `engine::handler::Handler`, whose methods are the
//!   phases: `begin`, `admit`, `choose`, `connected`, `respond`, `attempted`, `end`. The proxy implements it with the
//!   selector, the admin interface with four paths. The selector takes facts and not headers, so that Pingora
//!   services ask it the same questions.
//! - **A pin names a node**, never an address and a port. So all pools of a group agree, a client moves as a whole,
//!   and a node that returns under another address is still the same one.
//! - **One worker, one core.** Each has a runtime, listening sockets, idle upstream connections, deadlines and counters of
//!   its own. Shared are the pins, in a table of many small locks, the states of backends, and the snapshot.
//! - **From Pingora** come TLS towards clients, the health check's interface and, for the adapter, load balancing and
//!   the proxy's hooks. Its proxy was left for what it costs a request (`docs/performance.md` has its figures beside
//!   ours), its accept loop for what it adds to each connection.
//! - **Time is an argument**: what decides is tested by moving it, what moves bytes over real sockets.
//! - **Every wait has a deadline, every table and buffer a bound**; reaching one is counted under a word that
//!   `docs/operations.md` explains.
//!
//! [`PersistenceGroup`]: persistence::pingora::PersistenceGroup

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
