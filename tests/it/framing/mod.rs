//! Bytes on the wire: what is refused, and that everything else passes as it was.

mod connections;
mod endings;
mod interim;
mod messages;
mod refused_requests;
mod refused_responses;
mod retries;

use crate::support::edge::Edge;
use crate::support::farm::single;
use crate::support::origin::Origin;

/// An edge in front of one origin, and the address of its listener.
#[track_caller]
pub fn in_front_of(origin: &Origin) -> (Edge, std::net::SocketAddr) {
    let edge = Edge::start(&single(origin, "", ""));
    let web = edge.address("web");
    (edge, web)
}
