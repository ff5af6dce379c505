//! Scripted origins: they record what arrives byte for byte and do what a test tells them.

use super::PATIENCE;
use super::http::{Framing, Head, Wire};
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// The connection's number, in order of first bytes.
    pub connection: usize,
    /// Which of the origin's ports it came to.
    pub port: usize,
    /// Its head.
    pub head: Head,
    /// Its body, decoded.
    pub body: Vec<u8>,
}

/// What one connection brought. Connections without a byte (probes) are not counted.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// Every byte, unless the handler reads past the recording.
    pub bytes: Vec<u8>,
    /// Whether the edge has closed it.
    pub closed: bool,
}

/// Everything that happened to an origin.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// The connections, in order of their first bytes.
    pub connections: Vec<Connection>,
    /// The whole requests that handlers read, in order.
    pub requests: Vec<Request>,
}

#[derive(Default)]
struct Log {
    records: Mutex<Records>,
    changed: Condvar,
}

impl Log {
    fn change<T>(&self, change: impl FnOnce(&mut Records) -> T) -> T {
        let changed = change(&mut self.records.lock().unwrap());
        self.changed.notify_all();
        changed
    }
}

/// A stream that records what is read from it.
pub struct Tap {
    stream: TcpStream,
    log: Arc<Log>,
    number: Option<usize>,
    recording: bool,
}

impl Read for Tap {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let result = self.stream.read(block);
        match (&result, self.number) {
            (Ok(0) | Err(_), Some(number)) => self.log.change(|log| log.connections[number].closed = true),
            (Ok(read), _) if *read > 0 => {
                let number = self.number;
                let bytes = if self.recording { &block[..*read] } else { &[] };
                self.number = Some(self.log.change(|log| {
                    let number = number.unwrap_or_else(|| {
                        log.connections.push(Connection::default());
                        log.connections.len() - 1
                    });
                    log.connections[number].bytes.extend_from_slice(bytes);
                    number
                }));
            }
            _ => {}
        }
        result
    }
}

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A connection as a handler sees it. When the handler returns, it is closed.
pub struct Conn {
    /// Its stream and unread bytes.
    pub wire: Wire<Tap>,
    /// Which of the origin's ports it came to.
    pub port: usize,
}

impl Conn {
    /// Its number, once a byte has come.
    pub fn number(&self) -> Option<usize> {
        self.wire.stream.number
    }

    /// Stops recording, for bodies too large to keep.
    pub fn stop_recording(&mut self) {
        self.wire.stream.recording = false;
    }

    /// The plain stream.
    pub fn stream(&self) -> &TcpStream {
        &self.wire.stream.stream
    }

    /// Waits for a request's head; none when the edge closed.
    pub fn head(&mut self) -> Option<Head> {
        self.wire.head().ok().flatten()
    }

    /// Reads the rest of a request and records it.
    pub fn body(&mut self, head: Head) -> Option<Request> {
        let body = self.wire.body(Framing::of_request(&head)).ok()?;
        let request = Request { connection: self.number().unwrap(), port: self.port, head, body };
        self.wire.stream.log.change(|log| log.requests.push(request.clone()));
        Some(request)
    }

    /// Reads a whole request, answering `Expect: 100-continue` on the way; none when the edge closed.
    pub fn request(&mut self) -> Option<Request> {
        let head = self.head()?;
        if head.has_token("expect", "100-continue") {
            self.send("HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.body(head)
    }

    /// Sends bytes; a broken connection shows at the next read.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.wire.send(bytes.as_ref());
    }

    /// Closes with a reset instead of an orderly end.
    pub fn reset(self) {
        let _ = socket2::SockRef::from(self.stream()).set_linger(Some(std::time::Duration::ZERO));
    }
}

type Handler = dyn Fn(Conn) + Send + Sync;

/// A port of the loopback network that stays ours while nobody listens on it.
struct Port {
    socket: Arc<Socket>,
    address: SocketAddr,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

/// A socket bound to a port of the loopback network, 0 for one that the system chooses. While it lives and
/// does not listen, others that name the port can bind to it and listen, and nobody gets it by chance.
pub fn bound(port: u16) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
    socket.bind(&SockAddr::from(address)).unwrap_or_else(|error| panic!("binding {address}: {error}"));
    socket
}

/// Where a socket is bound.
pub fn local(socket: &Socket) -> SocketAddr {
    socket.local_addr().unwrap().as_socket().unwrap()
}

impl Port {
    fn reserve() -> Port {
        // Bound twice: a port that was asked for by number outlives `shutdown` of its listening socket, one
        // that the system chose does not.
        let first = bound(0);
        Port::at(local(&first).port())
    }

    fn at(port: u16) -> Port {
        let socket = bound(port);
        let address = local(&socket);
        Port { socket: Arc::new(socket), address, accepting: Mutex::new(None) }
    }
}

/// A server of this process with one or more ports.
pub struct Origin {
    ports: Vec<Port>,
    log: Arc<Log>,
    open: Arc<Mutex<HashMap<RawFd, TcpStream>>>,
    handler: Arc<Handler>,
}

impl Origin {
    /// Serves every connection with `handler` on one port.
    pub fn start(handler: impl Fn(Conn) + Send + Sync + 'static) -> Origin {
        Origin::with_ports(1, handler)
    }

    /// The same on several ports.
    pub fn with_ports(ports: usize, handler: impl Fn(Conn) + Send + Sync + 'static) -> Origin {
        let origin = Origin::refusing(ports, handler);
        origin.listen();
        origin
    }

    /// The same, refusing until [`Origin::listen`].
    pub fn refusing(ports: usize, handler: impl Fn(Conn) + Send + Sync + 'static) -> Origin {
        Origin::over((0..ports).map(|_| Port::reserve()).collect(), handler)
    }

    /// The same on ports of these numbers.
    pub fn refusing_at(ports: &[u16], handler: impl Fn(Conn) + Send + Sync + 'static) -> Origin {
        Origin::over(ports.iter().map(|port| Port::at(*port)).collect(), handler)
    }

    fn over(ports: Vec<Port>, handler: impl Fn(Conn) + Send + Sync + 'static) -> Origin {
        Origin { ports, log: Arc::default(), open: Arc::default(), handler: Arc::new(handler) }
    }

    /// Answers every whole request with `respond`'s bytes and keeps connections open.
    pub fn answering(respond: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Origin {
        Origin::start(move |mut conn| {
            while let Some(request) = conn.request() {
                conn.send(respond(&request));
            }
        })
    }

    /// The number of a port.
    pub fn port(&self, index: usize) -> u16 {
        self.ports[index].address.port()
    }

    /// Its address.
    pub fn address(&self, index: usize) -> SocketAddr {
        self.ports[index].address
    }

    /// Listens on all ports.
    pub fn listen(&self) {
        (0..self.ports.len()).for_each(|index| self.listen_on(index));
    }

    /// Listens on one port.
    pub fn listen_on(&self, index: usize) {
        let port = &self.ports[index];
        let mut accepting = port.accepting.lock().unwrap();
        assert!(accepting.is_none(), "it listens already");
        port.socket.listen(4096).unwrap();
        let (socket, log) = (port.socket.clone(), self.log.clone());
        let (open, handler) = (self.open.clone(), self.handler.clone());
        *accepting = Some(std::thread::spawn(move || {
            while let Ok((socket, _)) = socket.accept() {
                let stream = TcpStream::from(socket);
                stream.set_nodelay(true).unwrap();
                let handle = stream.try_clone().unwrap();
                let number = handle.as_raw_fd();
                open.lock().unwrap().insert(number, handle);
                let (log, handler, open) = (log.clone(), handler.clone(), open.clone());
                std::thread::spawn(move || {
                    let tap = Tap { stream, log, number: None, recording: true };
                    handler(Conn { wire: Wire::new(tap), port: index });
                    open.lock().unwrap().remove(&number);
                });
            }
        }));
    }

    /// Refuses new connections to one port and keeps the others.
    pub fn refuse_on(&self, index: usize) {
        let port = &self.ports[index];
        if let Some(accepting) = port.accepting.lock().unwrap().take() {
            port.socket.shutdown(Shutdown::Both).unwrap();
            accepting.join().unwrap();
        }
    }

    /// Dies like a process: refuses new connections and breaks the open ones.
    pub fn kill(&self) {
        (0..self.ports.len()).for_each(|index| self.refuse_on(index));
        for stream in self.open.lock().unwrap().values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// A copy of the records as they are now.
    pub fn records(&self) -> Records {
        self.log.records.lock().unwrap().clone()
    }

    /// The whole requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.records().requests
    }

    /// Waits until the records show something.
    #[track_caller]
    pub fn wait<T>(&self, what: &str, mut look: impl FnMut(&Records) -> Option<T>) -> T {
        let mut found = None;
        let records = self.log.records.lock().unwrap();
        let waited = self.log.changed.wait_timeout_while(records, PATIENCE, |records| {
            found = look(records);
            found.is_none()
        });
        drop(waited);
        found.unwrap_or_else(|| panic!("the origin never saw {what}"))
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.kill();
    }
}
