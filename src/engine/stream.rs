//! The kinds of stream on each side, without a virtual call on the plain ones.

use super::buffer::Class;
use super::h2::Stream as H2Stream;
use super::reset::{reset_tls_when_dropped, reset_when_dropped};
use pingora::protocols::UniqueID;
use pingora::protocols::l4::ext::get_tcp_info;
use pingora::protocols::l4::stream::Stream as L4Stream;
use pingora::protocols::tls::TlsStream as ServerTlsStream;
use socket2::SockRef;
use std::io;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A client's connection.
#[derive(Debug)]
pub enum Downstream {
    /// TCP.
    Plain(TcpStream),
    /// TLS, as Pingora's acceptor makes it; boxed because its state is large.
    Tls(Box<ServerTlsStream<L4Stream>>),
    /// One stream of an HTTP/2 connection: a connection with a single request.
    H2(Box<H2Stream>),
}

impl Downstream {
    /// How many bytes of what was written the client's side has confirmed, TLS included; none where nobody can tell.
    pub(super) fn confirmed(&self) -> Option<u64> {
        let descriptor = match self {
            Self::Plain(plain) => plain.as_raw_fd(),
            Self::Tls(tls) => tls.id(),
            // What the socket confirms is of all streams.
            Self::H2(_) => return None,
        };
        get_tcp_info(descriptor).ok().map(|info| info.tcpi_bytes_acked)
    }

    /// Drops the connection so that the client notices that something is missing.
    pub(super) fn abort(self) {
        match self {
            Self::Plain(plain) => reset_when_dropped(&SockRef::from(&plain)),
            Self::Tls(tls) => reset_tls_when_dropped(&*tls),
            Self::H2(stream) => stream.abort(),
        }
    }

    /// The size of the buffers for its bodies. Frames of HTTP/2 fill no large ones, and a connection may have many.
    #[inline]
    pub(super) fn body_class(&self) -> Class {
        match self {
            Self::H2(_) => Class::Small,
            Self::Plain(_) | Self::Tls(_) => Class::Large,
        }
    }
}

/// A connection to a backend.
#[derive(Debug)]
pub struct Upstream {
    io: UpstreamIo,
    _open: Open,
}

#[derive(Debug)]
enum UpstreamIo {
    Plain(TcpStream),
    /// Boxed because its state is large and most backends of a MIM farm speak plain HTTP.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Counts a connection for as long as it is open.
#[derive(Debug)]
struct Open(Arc<AtomicU32>);

impl Open {
    fn count(open: &Arc<AtomicU32>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

macro_rules! delegate {
    ($kind:ty, $inner:ident, $this:ident => $io:expr, $($variant:ident($stream:ident) => $expr:expr),+) => {
        impl AsyncRead for $kind {
            #[inline]
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                match $io {
                    $($inner::$variant($stream) => Pin::new($expr).poll_read(context, buffer),)+
                }
            }
        }

        impl AsyncWrite for $kind {
            #[inline]
            fn poll_write(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                data: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $this = self.get_mut();
                match $io {
                    $($inner::$variant($stream) => Pin::new($expr).poll_write(context, data),)+
                }
            }

            #[inline]
            fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                match $io {
                    $($inner::$variant($stream) => Pin::new($expr).poll_flush(context),)+
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                match $io {
                    $($inner::$variant($stream) => Pin::new($expr).poll_shutdown(context),)+
                }
            }
        }
    };
}

delegate!(Downstream, Downstream, this => this, Plain(plain) => plain, Tls(tls) => &mut **tls, H2(stream) => &mut **stream);
delegate!(Upstream, UpstreamIo, this => &mut this.io, Plain(plain) => plain, Tls(tls) => &mut **tls);

impl Upstream {
    /// TCP, counted in `open` until it is closed.
    pub(super) fn plain(stream: TcpStream, open: &Arc<AtomicU32>) -> Self {
        Self { io: UpstreamIo::Plain(stream), _open: Open::count(open) }
    }

    /// TLS, counted in `open` until it is closed.
    pub(super) fn tls(stream: TlsStream<TcpStream>, open: &Arc<AtomicU32>) -> Self {
        Self { io: UpstreamIo::Tls(Box::new(stream)), _open: Open::count(open) }
    }

    /// Whether the connection is silent and open, as one must be before a request is sent on it.
    ///
    /// A plain connection is asked by a system call. What the runtime knows is as old as its last look at the
    /// sockets, and in between a backend may have sent what would then be taken for the response.
    pub(super) fn is_quiet(&mut self) -> bool {
        if let UpstreamIo::Plain(tcp) = &self.io {
            return has_nothing_to_read(tcp);
        }
        self.seems_quiet()
    }

    /// The same by what the runtime knows, without a system call; for looking after many idle connections.
    pub(super) fn seems_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let mut context = Context::from_waker(std::task::Waker::noop());
        Pin::new(self).poll_read(&mut context, &mut buffer).is_pending()
    }
}

/// Whether a socket is open in the other end's direction and has nothing to read, by the kernel's word.
pub(super) fn has_nothing_to_read(tcp: &TcpStream) -> bool {
    let mut byte = [std::mem::MaybeUninit::uninit()];
    SockRef::from(tcp).peek(&mut byte).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

#[cfg(test)]
impl Upstream {
    /// Waits until the runtime has learnt that something happened on a plain stream.
    pub(super) async fn noticed(&self) {
        let UpstreamIo::Plain(tcp) = &self.io else { panic!("plain") };
        tcp.readable().await.unwrap();
    }
}
