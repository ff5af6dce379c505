//! One port of a stand-in node: a small HTTP/1.1 server over the node's memory.

use super::http::{Head, Wire};
use super::{mim, portal};
use crate::config::Role;
use parking_lot::Mutex;
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{ErrorKind, Result};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What all ports of one node share and lose together.
#[derive(Debug, Default)]
pub(super) struct NodeMemory {
    mim: mim::Memory,
    portal: portal::Memory,
    registration: portal::Memory,
    reset: portal::Memory,
}

/// Who answers on a port.
#[derive(Clone, Debug)]
pub(super) struct StandIn {
    pub(super) node: String,
    pub(super) role: Role,
    pub(super) memory: Arc<Mutex<NodeMemory>>,
}

/// An answer before it is written.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn text(status: u16, body: &str) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", fields: Vec::new(), body: body.to_owned() }
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.fields.push((name, value.to_owned()));
        self
    }
}

/// An identifier that does not come twice. It is no secret.
pub(super) fn fresh_id() -> String {
    let half = || foldhash::quality::RandomState::default().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

impl StandIn {
    /// Serves until it is dropped, and every connection with it: a process that ends takes all of them along.
    pub(super) async fn serve(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        connections.spawn(self.clone().converse(stream));
                    }
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn converse(self, stream: TcpStream) {
        let mut wire = Wire::new(stream);
        // The other side has gone or speaks no HTTP: either way nothing is left to say.
        while let Ok(Some(head)) = wire.request().await {
            match self.exchange(&mut wire, &head).await {
                Ok(true) => {}
                Ok(false) | Err(_) => return,
            }
        }
    }

    /// Answers one request; false if the connection ends with it.
    async fn exchange(&self, wire: &mut Wire, head: &Head) -> Result<bool> {
        if head.says("expect", "100-continue") {
            wire.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let body = match wire.body(head).await {
            Ok(body) => body,
            Err(error) => {
                let status = match error.kind() {
                    ErrorKind::Unsupported => 411,
                    ErrorKind::FileTooLarge => 413,
                    _ => 400,
                };
                let reply = Reply::text(status, &format!("{error}\n"));
                wire.write(&self.render(head, &reply, false)).await?;
                return Ok(false);
            }
        };
        let reply = self.reply(head, &body);
        let stays = head.is_1_1 && !head.says("connection", "close");
        wire.write(&self.render(head, &reply, stays)).await?;
        Ok(stays)
    }

    fn reply(&self, head: &Head, body: &[u8]) -> Reply {
        let memory = &mut *self.memory.lock();
        let node = &self.node;
        match self.role {
            Role::MimService => mim::answer(mim::Port::Service, node, &mut memory.mim, &head.method, body),
            Role::MimSts => mim::answer(mim::Port::Sts, node, &mut memory.mim, &head.method, body),
            Role::MimPortal => portal::answer("MIM Portal", node, &mut memory.portal, head),
            Role::SsprRegistration => {
                portal::answer("Password registration", node, &mut memory.registration, head)
            }
            Role::SsprReset => portal::answer("Password reset", node, &mut memory.reset, head),
            Role::None => Reply::text(200, &format!("{node}\n")),
        }
    }

    fn render(&self, head: &Head, reply: &Reply, stays: bool) -> Vec<u8> {
        let phrase = match reply.status {
            200 => "OK",
            400 => "Bad Request",
            405 => "Method Not Allowed",
            411 => "Length Required",
            413 => "Content Too Large",
            _ => "Internal Server Error",
        };
        let Reply { status, content_type, fields, body } = reply;
        let mut text = format!("HTTP/1.1 {status} {phrase}\r\nContent-Type: {content_type}\r\n");
        // Writing to a string cannot fail.
        let _ = write!(text, "Content-Length: {}\r\nX-Node: {}\r\n", body.len(), self.node);
        for (name, value) in fields {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if !stays {
            text.push_str("Connection: close\r\n");
        }
        text.push_str("\r\n");
        if head.method != "HEAD" {
            text.push_str(body);
        }
        text.into_bytes()
    }
}
