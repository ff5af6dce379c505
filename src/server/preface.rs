//! The PROXY header in front of a connection: read before TLS and before the first request.
//!
//! Nobody but a trusted proxy is listened to. Bytes are read and kept, not looked at in the kernel: a wait for a socket
//! that has bytes to look at already would not wait. What comes behind the header goes on to TLS or to the first
//! request; a read takes as much as there is, so a request that follows at once costs no system call of its own.

use crate::client_addr::IpPrefix;
use crate::client_addr::proxy_protocol::{Ends, LONGEST_V2, Parsed, parse};
use crate::engine::buffer::{Buffer, Class, poll_fill};
use log::debug;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;

/// Whose word a listener takes for who connected.
#[derive(Clone, Debug)]
pub(super) struct Preface {
    trusted: Vec<IpPrefix>,
    /// Connections that have no header are refused.
    required: bool,
    /// How long the header may take.
    limit: Duration,
}

/// What came before the first request.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Whose connection it is, if the proxy said so.
    pub(super) ends: Option<Ends>,
    /// What was read behind the header.
    pub(super) rest: Option<Buffer>,
}

/// Why a connection got no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// For this reason, to be counted.
    Because(&'static str),
    /// It was closed before a byte had come, as those do that ask whether a port is open.
    Gone,
}

impl Preface {
    pub(super) fn new(trusted: &[IpPrefix], required: bool, limit: Duration) -> Self {
        Self { trusted: trusted.to_vec(), required, limit }
    }

    /// What a connection from this address is refused for before it has said anything.
    pub(super) fn refuses(&self, peer: IpAddr) -> Option<&'static str> {
        (self.required && !self.trusts(peer)).then_some("untrusted_proxy")
    }

    fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.iter().any(|prefix| prefix.contains(peer))
    }

    /// Reads the header of a connection from `peer`, if it may have one.
    pub(super) async fn read(&self, stream: &mut TcpStream, peer: SocketAddr) -> Result<Told, Unfit> {
        if !self.trusts(peer.ip()) {
            return match self.refuses(peer.ip()) {
                Some(reason) => Err(Unfit::Because(reason)),
                None => Ok(Told::default()),
            };
        }
        let read = tokio::time::timeout(self.limit, self.header(stream, peer));
        read.await.unwrap_or(Err(Unfit::Because("proxy_timeout")))
    }

    async fn header(&self, stream: &mut TcpStream, peer: SocketAddr) -> Result<Told, Unfit> {
        let mut buffer: Option<Buffer> = None;
        loop {
            let read =
                poll_fn(|context| poll_fill(stream, &mut buffer, Class::Small, LONGEST_V2, context)).await;
            let bytes = buffer.as_ref().map_or(&[][..], Buffer::bytes);
            match (read, bytes.is_empty()) {
                (Ok(1..), _) => {}
                (_, true) => return Err(Unfit::Gone),
                (_, false) => return Err(Unfit::Because("proxy_header")),
            }
            match parse(bytes) {
                Parsed::More => {}
                Parsed::Absent if self.required => return Err(Unfit::Because("proxy_header_missing")),
                Parsed::Absent => return Ok(Told { ends: None, rest: buffer }),
                Parsed::Header { length, ends } => {
                    if let Some(buffer) = &mut buffer {
                        buffer.advance(length);
                    }
                    return Ok(Told { ends, rest: buffer.filter(|rest| !rest.is_empty()) });
                }
                Parsed::Bad(why) => {
                    debug!("PROXY header from {peer}: {why}");
                    return Err(Unfit::Because("proxy_header"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    const LINE: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n";

    async fn pair() -> (TcpStream, TcpStream, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, accepted) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (accepted, peer) = accepted.unwrap();
        (client.unwrap(), accepted, peer)
    }

    fn preface(trusted: &str, required: bool) -> Preface {
        Preface::new(&[trusted.parse().unwrap()], required, Duration::from_secs(10))
    }

    #[tokio::test]
    async fn what_comes_behind_the_header_is_kept() {
        for behind in [&b""[..], b"GET / HTTP/1.1\r\n"] {
            let (mut client, mut accepted, peer) = pair().await;
            client.write_all(&[LINE, behind].concat()).await.unwrap();
            let told = preface("127.0.0.0/8", true).read(&mut accepted, peer).await.unwrap();
            assert_eq!(told.ends.unwrap().source, "192.0.2.1:56324".parse().unwrap());
            assert_eq!(told.rest.as_ref().map_or(&[][..], Buffer::bytes), behind);
        }
    }

    #[tokio::test]
    async fn a_header_may_come_in_single_bytes() {
        let (mut client, mut accepted, peer) = pair().await;
        client.set_nodelay(true).unwrap();
        let preface = preface("127.0.0.0/8", false);
        let sending = async {
            for byte in LINE {
                client.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (told, ()) = tokio::join!(preface.read(&mut accepted, peer), sending);
        assert!(told.unwrap().ends.is_some());
    }

    #[tokio::test]
    async fn of_others_nothing_is_read() {
        let (mut client, mut accepted, peer) = pair().await;
        client.write_all(LINE).await.unwrap();
        let told = preface("192.0.2.0/24", false).read(&mut accepted, peer).await.unwrap();
        assert!(told.ends.is_none() && told.rest.is_none());
        assert_eq!(preface("192.0.2.0/24", true).refuses(peer.ip()), Some("untrusted_proxy"));
        assert_eq!(preface("127.0.0.0/8", true).refuses(peer.ip()), None);
    }

    #[tokio::test]
    async fn a_connection_that_says_nothing_is_no_bad_header() {
        for (bytes, unfit) in [
            (&b""[..], Unfit::Gone),
            (b"PROXY TCP4 192", Unfit::Because("proxy_header")),
            (b"GET / HTTP/1.1\r\n\r\n", Unfit::Because("proxy_header_missing")),
            (b"PROXY nonsense\r\n", Unfit::Because("proxy_header")),
        ] {
            let (mut client, mut accepted, peer) = pair().await;
            client.write_all(bytes).await.unwrap();
            drop(client);
            let told = preface("127.0.0.0/8", true).read(&mut accepted, peer).await;
            assert_eq!(told.unwrap_err(), unfit);
        }
    }

    #[tokio::test]
    async fn a_header_that_does_not_end_is_not_waited_for() {
        let (mut client, mut accepted, peer) = pair().await;
        client.write_all(b"PROXY ").await.unwrap();
        let preface = Preface { limit: Duration::ZERO, ..preface("127.0.0.0/8", true) };
        let told = preface.read(&mut accepted, peer).await;
        assert_eq!(told.unwrap_err(), Unfit::Because("proxy_timeout"));
    }
}
