//! A farm behind two ports of a Pingora service, each with its own load balancer, and one memory for both: SOAP
//! clients stay on their node by source address, browsers by cookie. Listeners first, then the nodes' ports:
//! `embed 0.0.0.0:5725 0.0.0.0:5726 mim1=10.20.0.11:5725,10.20.0.11:5726 mim2=10.20.0.12:5725,10.20.0.12:5726`
use async_trait::async_trait;
use identity_edge::persistence::keys::KeyRing;
use identity_edge::persistence::pingora::{
    NodeSettings, PersistenceContext, PersistenceGroup, PersistentPool,
};
use identity_edge::persistence::settings::GroupSettings;
use pingora_core::prelude::*;
use pingora_http::{RequestHeader as Request, ResponseHeader as Response};
use pingora_load_balancing::prelude::{LoadBalancer, RoundRobin, TcpHealthCheck};
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};
use std::{collections::HashMap, sync::Arc, time::Duration};

struct Service(PersistentPool);
type Ctx = PersistenceContext;

#[async_trait]
impl ProxyHttp for Service {
    type CTX = Ctx;
    fn new_ctx(&self) -> Ctx {
        Ctx::default()
    }

    async fn upstream_peer(&self, session: &mut Session, ctx: &mut Ctx) -> Result<Box<HttpPeer>> {
        let mut peer = HttpPeer::new(self.0.select(session, ctx).await?, false, String::new());
        ctx.bound_connect(&mut peer.options);
        Ok(Box::new(peer))
    }

    fn fail_to_connect(&self, _: &mut Session, _: &HttpPeer, ctx: &mut Ctx, e: Box<Error>) -> Box<Error> {
        self.0.connect_failed(ctx, e)
    }

    async fn upstream_request_filter(&self, _: &mut Session, head: &mut Request, _: &mut Ctx) -> Result<()> {
        self.0.strip_cookie(head)
    }

    async fn response_filter(&self, _: &mut Session, head: &mut Response, ctx: &mut Ctx) -> Result<()> {
        self.0.commit(ctx, head)
    }

    async fn logging(&self, _: &mut Session, _: Option<&Error>, ctx: &mut Ctx) {
        self.0.finish(ctx);
    }
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let listeners: Vec<String> = arguments.by_ref().take(2).collect();
    let (mut names, mut addresses) = (HashMap::new(), vec![Vec::new(); listeners.len()]);
    for argument in arguments {
        let (name, ports) = argument.split_once('=').ok_or("expected NAME=ADDRESS,ADDRESS")?;
        for (pool, address) in addresses.iter_mut().zip(ports.split(',')) {
            names.insert(address.to_owned(), name.to_owned());
            pool.push(address.to_owned());
        }
    }
    let keys = KeyRing::generate("2026-01-01T00:00:00Z")?; // in earnest KeyRing::parse, of a file that lasts
    let group = PersistenceGroup::new(GroupSettings::auto("mim", Arc::new(keys)), move |backend| {
        NodeSettings::new(&names[&backend.addr.to_string()])
    });
    let mut server = Server::new(None)?;
    server.bootstrap();
    for (listener, addresses) in listeners.iter().zip(addresses) {
        let mut load_balancer = LoadBalancer::<RoundRobin>::try_from_iter(addresses)?;
        load_balancer.set_health_check(TcpHealthCheck::new());
        load_balancer.health_check_frequency = Some(Duration::from_secs(1));
        let checks = background_service(listener, load_balancer);
        let mut service =
            http_proxy_service(&server.configuration, Service(group.pool(listener, checks.task())));
        service.add_tcp(listener);
        server.add_service(checks);
        server.add_service(service);
    }
    server.run_forever()
}
