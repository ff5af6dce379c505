//! A client that sends the bytes a test gives it and reads whole responses.

use super::PATIENCE;
use super::http::{Framing, Head, Wire, show};
use socket2::{Domain, Socket, Type};
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};

/// A response and what came before it.
pub struct Response {
    /// Interim responses (1xx), in order.
    pub interim: Vec<Head>,
    /// The head of the final one.
    pub head: Head,
    /// Its body, decoded.
    pub body: Vec<u8>,
    /// How the body ended.
    pub framing: Framing,
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:?} after {:?}; {:?}: {}",
            self.head,
            self.interim,
            self.framing,
            show(&self.body)
        )
    }
}

impl Response {
    /// The status.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The node that answered.
    pub fn node(&self) -> String {
        let node = self.head.value("x-node");
        node.unwrap_or_else(|| panic!("no stand-in answered: {self:?}")).to_owned()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Fails unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status(), status, "{}\n{}", show(&self.head.raw), show(&self.body));
        self
    }
}

/// One connection to the edge.
pub struct Client {
    /// Its stream and unread bytes.
    pub wire: Wire<TcpStream>,
}

impl Client {
    /// Connects from whatever address the system takes.
    pub fn connect(to: SocketAddr) -> Client {
        Client::over(TcpStream::connect(to).unwrap_or_else(|error| panic!("connecting to {to}: {error}")))
    }

    /// Connects from a given address of the loopback network.
    pub fn connect_from(from: &str, to: SocketAddr) -> Client {
        let from: IpAddr = from.parse().unwrap();
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
        socket
            .bind(&SocketAddr::new(from, 0).into())
            .unwrap_or_else(|error| panic!("binding {from}: {error}"));
        socket.connect(&to.into()).unwrap_or_else(|error| panic!("connecting {from} to {to}: {error}"));
        Client::over(socket.into())
    }

    /// Connects with a receive buffer so small that most of a response waits in the edge's kernel buffer.
    pub fn connect_narrow(to: SocketAddr) -> Client {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&to.into()).unwrap_or_else(|error| panic!("connecting to {to}: {error}"));
        Client::over(socket.into())
    }

    fn over(stream: TcpStream) -> Client {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Client { wire: Wire::new(stream) }
    }

    /// Sends everything.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire.send(bytes.as_ref()).expect("sending to the edge");
    }

    /// Reads the response to a GET or POST.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// Reads the response to a request of this method.
    #[track_caller]
    pub fn response_to(&mut self, method: &str) -> Response {
        self.try_response(method).unwrap_or_else(|error| panic!("no whole response: {error}"))
    }

    /// The same where the connection may break.
    pub fn try_response(&mut self, method: &str) -> io::Result<Response> {
        let mut interim = Vec::new();
        loop {
            let head = self.wire.head()?.ok_or_else(|| io::Error::from(ErrorKind::UnexpectedEof))?;
            if (100..200).contains(&head.status()) && head.status() != 101 {
                interim.push(head);
                continue;
            }
            let framing = Framing::of_response(&head, method);
            let body = self.wire.body(framing)?;
            return Ok(Response { interim, head, body, framing });
        }
    }

    /// Sends a request and reads its response.
    #[track_caller]
    pub fn exchange(&mut self, request: impl AsRef<[u8]>) -> Response {
        self.send(request);
        self.response()
    }

    /// Fails unless the edge now closes the connection without another byte.
    #[track_caller]
    pub fn expect_closed(&mut self) {
        match self.wire.rest() {
            Ok(rest) => assert!(rest.is_empty(), "more than expected: {}", show(&rest)),
            // Closing with bytes unread resets the connection.
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
    }

    /// Fails unless the connection now breaks: an orderly end would say that all is there.
    #[track_caller]
    pub fn expect_reset(&mut self) {
        match self.wire.rest() {
            Ok(rest) => panic!("an orderly end after {}", show(&rest)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
    }

    /// Fails unless the connection ends in disorder, whatever comes before that.
    #[track_caller]
    pub fn expect_broken(&mut self) {
        if let Ok(rest) = self.wire.rest() {
            panic!("an orderly end after {}", show(&rest));
        }
    }

    /// Goes away at once, with a reset.
    pub fn reset(self) {
        socket2::SockRef::from(&self.wire.stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }

    /// Closes the sending direction.
    pub fn finish(&mut self) {
        self.wire.stream.shutdown(Shutdown::Write).unwrap();
    }
}

/// The connections that stay when the edge closes one of these, whichever that is: of connections that are
/// made at once, the edge's workers accept any first.
#[track_caller]
pub fn all_but_the_one_closed<const N: usize>(clients: [Client; N]) -> Vec<Client> {
    let (closed, is_closed) = std::sync::mpsc::channel();
    for (place, client) in clients.iter().enumerate() {
        let (stream, closed) = (client.wire.stream.try_clone().unwrap(), closed.clone());
        std::thread::spawn(move || {
            // Looking takes nothing: whoever stays can still be read.
            if !matches!(stream.peek(&mut [0]), Ok(1..)) {
                let _ = closed.send(place);
            }
        });
    }
    let place = is_closed.recv_timeout(PATIENCE).expect("one of the connections closed");
    let mut clients = Vec::from(clients);
    drop(clients.remove(place));
    clients
}

/// A GET for a host that every test route takes.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: edge.test\r\n\r\n")
}

/// A POST with a Content-Length.
pub fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: edge.test\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// One request over a connection of its own, from 127.0.0.1.
#[track_caller]
pub fn once(to: SocketAddr, request: impl AsRef<[u8]>) -> Response {
    Client::connect(to).exchange(request)
}

/// One request over a connection of its own, from a given address.
#[track_caller]
pub fn once_from(from: &str, to: SocketAddr, request: impl AsRef<[u8]>) -> Response {
    Client::connect_from(from, to).exchange(request)
}

/// Connects through IPv4 to a port that was bound to the unspecified IPv6 address.
pub fn through_ipv4(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port())
}
