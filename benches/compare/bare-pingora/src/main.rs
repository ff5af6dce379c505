//! The least that a proxy on `pingora-proxy` is: two origins in turn, a plain listener and one with TLS.
//!
//! `bare-pingora THREADS PLAIN TLS CERTIFICATE KEY ORIGIN...`

use async_trait::async_trait;
use pingora::prelude::*;
use pingora::proxy::{ProxyHttp, Session, http_proxy_service};
use pingora::server::RunArgs;
use pingora::server::configuration::ServerConf;
use std::sync::atomic::{AtomicUsize, Ordering};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct InTurn {
    origins: Vec<String>,
    next: AtomicUsize,
}

#[async_trait]
impl ProxyHttp for InTurn {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _session: &mut Session, _ctx: &mut ()) -> Result<Box<HttpPeer>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.origins.len();
        Ok(Box::new(HttpPeer::new(&self.origins[turn], false, String::new())))
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        _ctx: &mut (),
    ) -> Result<()> {
        if let Some(client) = session.client_addr().and_then(|address| address.as_inet()) {
            request.insert_header("X-Forwarded-For", client.ip().to_string())?;
        }
        Ok(())
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [threads, plain, tls, certificate, key, origins @ ..] = arguments.as_slice() else {
        panic!("bare-pingora THREADS PLAIN TLS CERTIFICATE KEY ORIGIN...");
    };
    let threads = threads.parse().expect("a number of threads");
    // A pool as large as the edge's: one that is smaller than the number of clients makes every request connect.
    let conf = ServerConf { threads, upstream_keepalive_pool_size: 512, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let proxy = InTurn { origins: origins.to_vec(), next: AtomicUsize::new(0) };
    let mut service = http_proxy_service(&server.configuration, proxy);
    service.add_tcp(plain);
    service.add_tls(tls, certificate, key).expect("the certificate and its key");
    server.add_service(service);
    server.run(RunArgs::default());
}
