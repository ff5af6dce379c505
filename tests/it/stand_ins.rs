//! The stand-ins themselves: a test that relies on a fault, a refusal or a record must be able to fail.

mod processes;

use crate::support::client::once;
use crate::support::mim::{self, MimNode, SERVICE, STS};
use std::net::TcpStream;

#[test]
fn a_node_knows_only_what_it_made_itself() {
    let (a, b) = (MimNode::start("a"), MimNode::start("b"));
    let made = once(a.origin.address(SERVICE), mim::enumerate()).expect(200);
    let context = mim::element(&made.text(), "Context").unwrap();
    once(a.origin.address(SERVICE), mim::pull(&context)).expect(200);
    once(b.origin.address(SERVICE), mim::pull(&context)).expect(500);
    once(a.origin.address(SERVICE), mim::release(&context)).expect(200);
    once(a.origin.address(SERVICE), mim::pull(&context)).expect(500);

    let made = once(b.origin.address(STS), mim::issue()).expect(200);
    let token = mim::element(&made.text(), "Token").unwrap();
    once(b.origin.address(SERVICE), mim::get_resource(&token)).expect(200);
    once(a.origin.address(SERVICE), mim::get_resource(&token)).expect(500);
}

#[test]
fn a_killed_node_refuses_and_forgets_until_it_listens_again() {
    let node = MimNode::start("a");
    let address = node.origin.address(SERVICE);
    let made = once(address, mim::enumerate()).expect(200);
    let context = mim::element(&made.text(), "Context").unwrap();
    let mut open = crate::support::client::Client::connect(address);
    assert_eq!(open.exchange(mim::pull(&context)).node(), "a");

    node.kill();
    open.expect_closed();
    assert!(TcpStream::connect(address).is_err());

    node.origin.listen();
    once(address, mim::pull(&context)).expect(500);
}

#[test]
fn records_count_connections_that_sent_something() {
    let node = MimNode::start("a");
    drop(TcpStream::connect(node.origin.address(SERVICE)).unwrap());
    let mut client = crate::support::client::Client::connect(node.origin.address(SERVICE));
    client.exchange(mim::page()).expect(200);
    client.exchange(mim::page()).expect(200);
    let records = node.origin.records();
    assert_eq!((records.connections.len(), records.requests.len()), (1, 2));
    assert_eq!(records.connections[0].bytes, mim::page().repeat(2).as_bytes());
    drop(client);
    node.origin.wait("the close", |records| records.connections[0].closed.then_some(()));
}
