//! The demo's clients: each call goes out from the client's own address, on a connection of its own, so that
//! nothing but the address or the cookie can tell who it is.

use super::http::{Head, Wire};
use std::fmt::Write as _;
use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::time::timeout;

/// How long a call may take; a node that is held for takes two seconds of it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client waits for `100 Continue` before it sends the body all the same, as .NET does.
const CONTINUE: Duration = Duration::from_millis(350);

/// One request.
#[derive(Debug)]
pub(super) struct Call<'c> {
    pub(super) from: Ipv4Addr,
    pub(super) to: SocketAddr,
    pub(super) host: &'c str,
    pub(super) method: &'static str,
    pub(super) path: &'c str,
    /// Field lines, each with its line end.
    pub(super) fields: String,
    pub(super) body: String,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) head: Head,
    pub(super) body: String,
}

impl Got {
    /// Who answered, by its own word.
    pub(super) fn node(&self) -> Option<&str> {
        self.head.field("x-node")
    }
}

impl Call<'_> {
    /// Sends the call and waits for the answer.
    pub(super) async fn send(&self) -> Result<Got> {
        timeout(PATIENCE, self.exchange()).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
    }

    async fn exchange(&self) -> Result<Got> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(IpAddr::V4(self.from), 0))?;
        let mut wire = Wire::new(socket.connect(self.to).await?);
        let Self { method, path, host, fields, body, .. } = self;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}");
        if !body.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(head, "Content-Length: {}\r\nExpect: 100-continue\r\n", body.len());
        }
        head.push_str("\r\n");
        wire.write(head.as_bytes()).await?;
        if !body.is_empty() {
            match timeout(CONTINUE, wire.response()).await {
                Ok(Ok(early)) if early.status != 100 => return finish(wire, early).await,
                Ok(Err(error)) => return Err(error),
                Ok(Ok(_)) | Err(_) => wire.write(body.as_bytes()).await?,
            }
        }
        loop {
            let head = wire.response().await?;
            if head.status >= 200 {
                return finish(wire, head).await;
            }
        }
    }
}

async fn finish(mut wire: Wire, head: Head) -> Result<Got> {
    let body = wire.body(&head).await?;
    let body = String::from_utf8(body).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    Ok(Got { head, body })
}

/// What a program asks for; what it asks about is named by an id that a node has given it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Starts a search, and gets the id of its cursor: the Enumeration context.
    Enumerate,
    /// The next few results.
    Pull,
    /// Ends the search.
    Release,
    /// A security token, at the other port.
    Issue,
    /// Somebody's data, by the token.
    Get,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Enumerate => "Enumerate",
            Self::Pull => "Pull",
            Self::Release => "Release",
            Self::Issue => "Issue",
            Self::Get => "Get",
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Enumerate | Self::Pull | Self::Release => "/ResourceManagementService/Enumeration",
            Self::Issue => "/ResourceManagementService/SecurityTokenService/Registration",
            Self::Get => "/ResourceManagementService/Resource",
        }
    }

    /// The element in which the answer carries what the node will remember.
    pub(super) fn gives(self) -> Option<&'static str> {
        match self {
            Self::Enumerate => Some("Context"),
            Self::Issue => Some("Token"),
            Self::Pull | Self::Release | Self::Get => None,
        }
    }

    /// The message about `id`, addressed to `host`: WS-Addressing's `To` carries host and port.
    pub(super) fn message(self, id: &str, host: &str) -> String {
        let (namespace, inside) = match self {
            Self::Enumerate => ("ws/2004/09/enumeration", "<filter>/Person</filter>".to_owned()),
            Self::Pull | Self::Release => ("ws/2004/09/enumeration", format!("<context>{id}</context>")),
            Self::Issue => ("ws/2005/02/trust", "<user>alice</user>".to_owned()),
            Self::Get => ("ws/2004/09/transfer", format!("<token>{id}</token>")),
        };
        let (name, path) = (self.name(), self.path());
        let namespace = format!("http://schemas.xmlsoap.org/{namespace}");
        let action = if self == Self::Issue { "RST/Issue" } else { name };
        format!(
            "<s:Envelope xmlns:a=\"http://www.w3.org/2005/08/addressing\" \
             xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Header>\
             <a:Action s:mustUnderstand=\"1\">{namespace}/{action}</a:Action>\
             <a:To s:mustUnderstand=\"1\">http://{host}{path}</a:To></s:Header>\
             <s:Body><{name} xmlns=\"{namespace}\">{inside}</{name}></s:Body></s:Envelope>"
        )
    }
}

/// A browser's cookies, by host.
#[derive(Debug, Default)]
pub(super) struct Jar(Vec<(String, String, String)>);

impl Jar {
    /// The `Cookie` line for `host`, if there are cookies for it.
    pub(super) fn line(&self, host: &str) -> String {
        let own = self.0.iter().filter(|(known, ..)| known == host);
        let pairs: Vec<String> = own.map(|(_, name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { String::new() } else { format!("Cookie: {}\r\n", pairs.join("; ")) }
    }

    /// Keeps what an answer of `host` sets.
    pub(super) fn keep(&mut self, host: &str, answer: &Head) {
        for line in answer.fields("set-cookie") {
            let pair = line.split(';').next().and_then(|pair| pair.split_once('='));
            let Some((name, value)) = pair else { continue };
            self.0.retain(|(known, old, _)| !(known == host && old == name));
            self.0.push((host.to_owned(), name.to_owned(), value.to_owned()));
        }
    }
}
