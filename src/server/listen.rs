//! Listening sockets, one for each worker and address.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;

/// An address cannot be listened on.
#[derive(Debug)]
pub struct BindError {
    listener: String,
    address: SocketAddr,
    error: io::Error,
}

impl BindError {
    /// Whether somebody else has the port, and may give it up.
    pub(super) fn is_in_use(&self) -> bool {
        self.error.kind() == io::ErrorKind::AddrInUse
    }
}

impl std::fmt::Display for BindError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hint = match self.error.kind() {
            io::ErrorKind::AddrInUse => ": another process listens there",
            io::ErrorKind::PermissionDenied => ": ports below 1024 need the capability CAP_NET_BIND_SERVICE",
            io::ErrorKind::AddrNotAvailable => ": this machine has no such address",
            _ => "",
        };
        write!(formatter, "listener {} cannot listen on {}{hint}", self.listener, self.address)
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// One address of a listener, with a socket for each worker.
#[derive(Debug)]
pub(super) struct Bound {
    /// Index of the listener.
    pub(super) listener: usize,
    /// The real address.
    pub(super) address: SocketAddr,
    /// One for each worker.
    pub(super) sockets: Vec<TcpListener>,
}

/// A listener's name and its addresses.
pub(super) type Wanted<'c> = (&'c str, &'c [SocketAddr]);

/// Binds every address of every listener, once for each worker.
pub(super) fn bind(listeners: &[Wanted<'_>], workers: usize) -> Result<Vec<Bound>, BindError> {
    let all: Vec<SocketAddr> =
        listeners.iter().flat_map(|(_, addresses)| addresses.iter().copied()).collect();
    let mut bound = Vec::new();
    for (index, (name, addresses)) in listeners.iter().enumerate() {
        for address in *addresses {
            let only_v6 = shares_port_with_ipv4(*address, &all);
            let sockets = sockets(*address, only_v6, workers).map_err(|error| BindError {
                listener: (*name).to_owned(),
                address: *address,
                error,
            })?;
            let address = sockets.first().and_then(|socket| socket.local_addr().ok()).unwrap_or(*address);
            bound.push(Bound { listener: index, address, sockets });
        }
    }
    Ok(bound)
}

/// `[::]` also takes IPv4 connections, unless the IPv4 side of the same port is bound by name.
fn shares_port_with_ipv4(address: SocketAddr, all: &[SocketAddr]) -> bool {
    address.ip() == IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED)
        && all.iter().any(|other| other.is_ipv4() && other.port() == address.port() && other.port() != 0)
}

fn sockets(address: SocketAddr, only_v6: bool, workers: usize) -> io::Result<Vec<TcpListener>> {
    // Workers share the port, which would also let a second edge share it unnoticed, and half of the clients
    // would be pinned by the one and half by the other. So the port is first taken alone, for a moment.
    let alone = socket(address, only_v6, false)?;
    let address = alone.local_addr()?.as_socket().unwrap_or(address);
    drop(alone);
    (0..workers).map(|_| socket(address, only_v6, true).map(TcpListener::from)).collect()
}

fn socket(address: SocketAddr, only_v6: bool, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    // Linux: what is accepted has the option as well, without a system call for each connection.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind_all(addresses: &[&str], workers: usize) -> Result<Vec<Bound>, BindError> {
        let addresses: Vec<SocketAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        bind(&[("web", &addresses)], workers)
    }

    #[test]
    fn what_is_accepted_sends_at_once() {
        let bound = bind_all(&["127.0.0.1:0"], 1).unwrap();
        let socket = &bound[0].sockets[0];
        socket.set_nonblocking(false).unwrap();
        let _client = std::net::TcpStream::connect(bound[0].address).unwrap();
        assert!(socket.accept().unwrap().0.nodelay().unwrap());
    }

    #[test]
    fn every_worker_gets_a_socket_on_the_same_port() {
        let bound = bind_all(&["127.0.0.1:0"], 3).unwrap();
        assert_eq!(bound.len(), 1);
        assert_eq!(bound[0].sockets.len(), 3);
        assert!(bound[0].sockets.iter().all(|socket| socket.local_addr().unwrap() == bound[0].address));
    }

    #[test]
    fn a_port_that_another_edge_shares_among_its_workers_is_in_use() {
        let first = bind_all(&["127.0.0.1:0"], 2).unwrap();
        let address = first[0].address.to_string();
        let error = bind_all(&[&address], 2).unwrap_err();
        assert!(error.to_string().ends_with("another process listens there"), "{error}");
    }

    #[test]
    fn both_families_of_one_port_can_be_bound_by_name() {
        // Below the ports that systems give to connections, any of which would be in the way; and another process
        // may have taken one: then the next is tried.
        let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
        let bound = (first..first + 100).find_map(|port| {
            let both = [format!("0.0.0.0:{port}"), format!("[::]:{port}")];
            bind_all(&[&both[0], &both[1]], 2).ok()
        });
        assert_eq!(bound.unwrap().len(), 2);
    }
}
