//! A stand-in for one node of MIM Service: what it was asked before is in its own memory and nowhere else.
//!
//! The shape of the messages is that of `tests/fixtures/wcf`; Windows authentication inside SOAP is left out.

use super::stand_in::{Reply, fresh_id};
use super::xml;
use std::collections::HashMap;

/// Objects that every Enumeration finds, and how many a Pull returns.
const OBJECTS: usize = 6;
const PER_PULL: usize = 3;

/// What one node knows. It dies with the node's process.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Enumeration contexts: how many objects were pulled.
    contexts: HashMap<String, usize>,
    /// Security tokens and whose they are.
    tokens: HashMap<String, String>,
}

/// Which of the two ports was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Port {
    /// Enumeration and Resource, 5725 in a farm.
    Service,
    /// Tokens, 5726 in a farm.
    Sts,
}

/// Answers one message.
pub(super) fn answer(port: Port, node: &str, memory: &mut Memory, method: &str, body: &[u8]) -> Reply {
    if method != "POST" {
        return Reply::text(405, "This is a web service: POST it a SOAP message.\n").with("Allow", "POST");
    }
    let message = String::from_utf8_lossy(body);
    let context = xml::text(&message, "context").unwrap_or_default();
    match (port, xml::operation(&message)) {
        (Port::Service, Some("Enumerate")) => {
            let context = fresh_id();
            memory.contexts.insert(context.clone(), 0);
            soap("Enumerate", node, &format!("<Context>{context}</Context>"))
        }
        (Port::Service, Some("Pull")) => match memory.contexts.get_mut(context) {
            Some(pulled) => {
                let first = *pulled;
                *pulled = (first + PER_PULL).min(OBJECTS);
                let end = *pulled == OBJECTS;
                let items: String =
                    (first..*pulled).map(|at| format!("<string>Person-{at}</string>")).collect();
                let result = format!("<EndOfSequence>{end}</EndOfSequence><Items>{items}</Items>");
                soap("Pull", node, &result)
            }
            None => unknown(node, "Enumeration context", context),
        },
        (Port::Service, Some("Release")) => match memory.contexts.remove(context) {
            Some(_) => soap("Release", node, ""),
            None => unknown(node, "Enumeration context", context),
        },
        (Port::Service, Some("Get")) => {
            let token = xml::text(&message, "token").unwrap_or_default();
            match memory.tokens.get(token) {
                Some(user) => soap("Get", node, &format!("<ObjectId>{}</ObjectId>", xml::escape(user))),
                None => unknown(node, "security token", token),
            }
        }
        (Port::Sts, Some("Issue")) => {
            let token = fresh_id();
            let user = xml::text(&message, "user").unwrap_or_default();
            memory.tokens.insert(token.clone(), user.to_owned());
            soap("Issue", node, &format!("<Token>{token}</Token>"))
        }
        (_, operation) => {
            let operation = xml::escape(operation.unwrap_or("nothing"));
            fault(node, &format!("{operation} is not served on this port"))
        }
    }
}

fn soap(operation: &str, node: &str, result: &str) -> Reply {
    let body = format!(
        "<{operation}Response><{operation}Result>{result}<Server>{node}</Server></{operation}Result></{operation}Response>"
    );
    envelope(200, &body)
}

fn unknown(node: &str, what: &str, id: &str) -> Reply {
    // The first digits tell ids apart, and fit into a line.
    let short: String = id.chars().take(8).collect();
    fault(node, &format!("the {what} {}… is not known here", xml::escape(&short)))
}

/// SOAP 1.2, part 2, section 7.5.2: a fault travels as 500 or, where the sender is to blame, as 400. Here it is
/// 500 for every one: what must be seen is that the edge takes no 500 for a dead node.
fn fault(node: &str, reason: &str) -> Reply {
    let body = format!(
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text xml:lang=\"en\">{node}: {reason}\
         </s:Text></s:Reason></s:Fault>"
    );
    envelope(500, &body)
}

fn envelope(status: u16, body: &str) -> Reply {
    let body = format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body>{body}</s:Body></s:Envelope>\n"
    );
    Reply { status, content_type: "application/soap+xml; charset=utf-8", fields: Vec::new(), body }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(port: Port, memory: &mut Memory, message: &str) -> (u16, String) {
        let reply = answer(port, "mim1", memory, "POST", message.as_bytes());
        (reply.status, reply.body)
    }

    #[test]
    fn a_context_is_known_to_the_node_that_made_it_and_to_no_other() {
        let (mut one, mut other) = (Memory::default(), Memory::default());
        let (_, body) = ask(Port::Service, &mut one, "<Enumerate/>");
        let context = xml::text(&body, "Context").unwrap();
        let pull = format!("<Pull><context>{context}</context></Pull>");
        assert_eq!(ask(Port::Service, &mut other, &pull).0, 500);
        assert!(ask(Port::Service, &mut one, &pull).1.contains("<EndOfSequence>false"));
        assert!(ask(Port::Service, &mut one, &pull).1.contains("<EndOfSequence>true"));
        let release = format!("<Release><context>{context}</context></Release>");
        assert_eq!(ask(Port::Service, &mut one, &release).0, 200);
        assert_eq!(ask(Port::Service, &mut one, &release).0, 500);
    }

    #[test]
    fn a_token_of_one_port_is_spent_on_the_other() {
        let mut memory = Memory::default();
        let (_, body) = ask(Port::Sts, &mut memory, "<Issue><user>alice</user></Issue>");
        let token = xml::text(&body, "Token").unwrap();
        let get = format!("<Get><token>{token}</token></Get>");
        let (status, body) = ask(Port::Service, &mut memory, &get);
        assert_eq!((status, xml::text(&body, "ObjectId")), (200, Some("alice")));
        assert_eq!(ask(Port::Sts, &mut memory, &get).0, 500);
    }
}
