//! What one request holds between Pingora's phases.

use crate::clock::Millis;
use crate::persistence::Selection;
use pingora_core::upstreams::peer::PeerOptions;
use pingora_load_balancing::Backend;
use std::net::IpAddr;
use std::time::Duration;

/// A request's part in its persistence group. Keep it in the service's `CTX`, one for each request: dropping it
/// lets go of the pin and of the place among the requests in flight, on whatever way the request ends.
#[derive(Debug, Default)]
pub struct PersistenceContext {
    /// Who the client is, where somebody in front of the service is trusted to say it; the peer of the
    /// connection otherwise. Set it before the selection.
    pub client: Option<IpAddr>,
    /// Whether the client came over TLS, where somebody in front of the service ends it; what the connection is
    /// otherwise. Set it before the selection.
    pub https: Option<bool>,
    pub(super) stage: Stage,
    pub(super) connect_within: Option<Duration>,
    pub(super) refused: Option<&'static str>,
}

/// How far the request has come.
#[derive(Debug, Default)]
pub(super) enum Stage {
    /// Nothing is chosen.
    #[default]
    Open,
    /// It is on its way to a backend.
    Chosen(Chosen),
    /// The backend was not reached; it is tried again at `at`, within `until`.
    Again { chosen: Chosen, at: Millis, until: Millis },
    /// The backend was not reached; another decision is due.
    Elsewhere(Chosen),
}

/// A backend, as both sides know it.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) selection: Selection,
    pub(super) backend: Backend,
}

impl PersistenceContext {
    /// The decision the request follows, for logs: node, outcome, and why. None before the selection and after
    /// the end.
    #[must_use]
    pub fn selection(&self) -> Option<&Selection> {
        match &self.stage {
            Stage::Open => None,
            Stage::Chosen(chosen) | Stage::Again { chosen, .. } | Stage::Elsewhere(chosen) => {
                Some(&chosen.selection)
            }
        }
    }

    /// Why the request got no node, in one word: `no_node`, `persisted_node_down`, `table_full` or
    /// `waiting_full`.
    #[must_use]
    pub fn refused(&self) -> Option<&'static str> {
        self.refused
    }

    /// Keeps a connect for a persisted client from outlasting its hold: lowers `total_connection_timeout`. A node
    /// that swallows packets would otherwise hold the client for as long as the system tries.
    pub fn bound_connect(&self, options: &mut PeerOptions) {
        let limits = [options.total_connection_timeout, self.connect_within];
        options.total_connection_timeout = limits.into_iter().flatten().min();
    }
}
