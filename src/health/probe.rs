//! One probe: a connection as requests make it and, where one is configured, a request on it.
//!
//! Pingora's own checks were rejected: each brings a connector that reads the system's certificate
//! authorities, which costs more than everything else a probe does, and trusts others than requests do.

mod http;
pub use http::HttpCheck;

use super::cause::Cause;
use crate::engine::upstream::connect;
use crate::snapshot::Endpoint;
use async_trait::async_trait;
use pingora::{Error, ErrorType};
use pingora_load_balancing::Backend as ProbeTarget;
use pingora_load_balancing::health_check::HealthCheck;
use std::time::Duration;
use tokio::time::Instant;

/// What a backend is asked.
#[derive(Clone, Debug)]
pub enum Check {
    /// A connection is enough, TLS included where the backend has it.
    Connect,
    /// A request, and an answer that is as expected.
    Http(Box<HttpCheck>),
}

/// One probe; says why it failed.
pub(super) async fn attempt(endpoint: &Endpoint, check: &Check, timeout: Duration) -> Result<(), String> {
    let Some(address) = endpoint.socket() else {
        let name = endpoint.address.name.clone().unwrap_or_default();
        return Err(Cause::NotResolved(name).to_string());
    };
    let target = ProbeTarget::new(&address.to_string()).map_err(|error| error.to_string())?;
    let probe = EndpointCheck { endpoint, check, timeout };
    probe.check(&target).await.map_err(|error| match error.root_cause().downcast_ref::<Cause>() {
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    })
}

/// A connection is made as requests make it: a backend with the wrong certificate is not taken for one that
/// works. It is a new one each time, and everything together must be done within the timeout.
struct EndpointCheck<'e> {
    endpoint: &'e Endpoint,
    check: &'e Check,
    timeout: Duration,
}

#[async_trait]
impl HealthCheck for EndpointCheck<'_> {
    async fn check(&self, target: &ProbeTarget) -> pingora::Result<()> {
        self.run(target)
            .await
            .map_err(|cause| Error::because(ErrorType::Custom("ProbeFailed"), "probe", cause))
    }

    /// Counting is the judge's.
    fn health_threshold(&self, _success: bool) -> usize {
        1
    }
}

impl EndpointCheck<'_> {
    async fn run(&self, target: &ProbeTarget) -> Result<(), Cause> {
        let Some(address) = target.addr.as_inet() else { return Err(Cause::Closed) };
        let deadline = Instant::now() + self.timeout;
        let connected = connect(&self.endpoint.origin(), *address, self.timeout).await;
        self.endpoint.note_trust(connected.as_ref().err());
        let mut stream = connected?;
        let Check::Http(check) = self.check else { return Ok(()) };
        let request = check.request(&self.host(*address));
        let asked = tokio::time::timeout_at(deadline, check.ask(&mut stream, &request));
        asked.await.unwrap_or(Err(Cause::Late(self.timeout)))
    }

    /// The node as it is configured, with its port: what a request names that was told no host.
    fn host(&self, address: std::net::SocketAddr) -> String {
        match &self.endpoint.address.name {
            Some(name) => format!("{name}:{}", address.port()),
            None => address.to_string(),
        }
    }
}
