//! Asks the running edge where a client is: `GET /clients/ADDRESS` of its admin listener.

use crate::admin::token_text;
use crate::config::Admin;
use serde::{Deserialize, Serialize};
use std::io::{Error, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest answer, in bytes: far more than any farm has groups for.
const LONGEST: usize = 1 << 20;

/// Where a client is in one group, as the edge tells it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Pin {
    group: String,
    key: String,
    pub(super) node: Option<String>,
    pub(super) home: Option<String>,
    pub(super) provisional: bool,
    pub(super) in_flight: u32,
    pub(super) idle_seconds: Option<f64>,
    pub(super) expires_in_seconds: Option<f64>,
}

#[derive(Deserialize)]
struct Told {
    groups: Vec<Pin>,
}

/// Where the client is in `group`; none if the edge does not know it.
///
/// # Errors
/// Why nothing is known.
pub(super) fn ask(admin: &Admin, client: IpAddr, group: &str) -> Result<Option<Pin>, String> {
    let address = match admin.bind {
        None => return Err("unknown without the running edge: admin.bind is null".into()),
        Some(address) if address.port() == 0 => {
            return Err("unknown without the running edge: admin.bind has port 0, which says nothing".into());
        }
        Some(address) => reachable(address),
    };
    let token = match &admin.token_file {
        None => None,
        Some(file) => {
            Some(token_text(file).map_err(|error| format!("unknown: {}: {error}", file.display()))?)
        }
    };
    let (status, body) = exchange(address, client, token.as_deref())
        .map_err(|error| format!("unknown without the running edge: {address}: {error}"))?;
    match status {
        200 | 404 => {}
        401 if token.is_some() => {
            return Err(format!(
                "unknown: the edge at {address} does not know the token of admin.token_file"
            ));
        }
        401 => {
            return Err(format!(
                "unknown: the edge at {address} wants a token, and admin.token_file is null"
            ));
        }
        _ => return Err(format!("unknown: {address} answers {status}")),
    }
    let told: Told = serde_json::from_slice(&body)
        .map_err(|_| format!("unknown: {address} is no edge that tells where clients are"))?;
    Ok(told.groups.into_iter().find(|pin| pin.group == group))
}

/// An address that is bound everywhere is reached from here.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn exchange(address: SocketAddr, client: IpAddr, token: Option<&str>) -> std::io::Result<(u16, Vec<u8>)> {
    let end = Instant::now() + PATIENCE;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request =
        format!("GET /clients/{client} HTTP/1.1\r\nHost: {address}\r\n{token}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || bytes.len() > LONGEST {
            return Err(Error::other("no answer that ends"));
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(&piece[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(Error::other("no answer in time"));
            }
            Err(error) => return Err(error),
        }
    }
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut fields);
    match response.parse(&bytes) {
        Ok(httparse::Status::Complete(head)) => {
            Ok((response.code.unwrap_or_default(), bytes.split_off(head)))
        }
        _ => Err(Error::other("no answer in HTTP")),
    }
}
