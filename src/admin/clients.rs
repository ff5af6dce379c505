//! `GET /clients/ADDRESS`: where a client is.
//!
//! ```json
//! {"address":"10.20.3.7","groups":[{"group":"mim-service","key":"10.20.3.7","node":"mim1","home":"mim1",
//!  "provisional":false,"in_flight":0,"idle_seconds":12.3,"expires_in_seconds":35987.7}]}
//! ```
//!
//! 404, with an empty list, if no group knows the client; 400 with `error` if what was asked for is no address.

use crate::client_addr::canonical;
use crate::engine::Answer;
use crate::persistence::ClientPin;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::Duration;

/// What stands in front of the address.
pub(super) const PATH: &str = "/clients/";

/// Knows where clients are.
pub trait Clients: Send + Sync + 'static {
    /// The pins of the client with this address, in the order of the groups that know it. To look must change
    /// nothing: a pin that is renewed by being looked at never expires.
    fn pins(&self, address: IpAddr) -> Vec<ClientPin>;
}

/// The answer about `address`, which is what follows [`PATH`].
pub(super) fn answer(clients: &dyn Clients, address: &str) -> Answer {
    let Ok(address) = address.parse::<IpAddr>().map(canonical) else {
        return json(400, &json!({ "error": "expected an IP address, as in /clients/10.20.3.7" }));
    };
    let pins = clients.pins(address);
    let groups: Vec<Value> = pins.iter().map(told).collect();
    json(if pins.is_empty() { 404 } else { 200 }, &json!({ "address": address, "groups": groups }))
}

fn told(pin: &ClientPin) -> Value {
    json!({
        "group": &*pin.group,
        "key": pin.key.to_string(),
        "node": pin.node,
        "home": pin.home,
        "provisional": pin.provisional,
        "in_flight": pin.in_flight,
        "idle_seconds": pin.idle.map(seconds),
        "expires_in_seconds": pin.expires_in.map(seconds),
    })
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

fn json(status: u16, value: &Value) -> Answer {
    Answer { content_type: "application/json", ..super::text(status, value.to_string()) }
}
