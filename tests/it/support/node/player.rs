//! The process's side of a [`super::Node`].

use super::super::http::{Framing, Head, Wire};
use super::super::mim::{Memory, reply};
use super::super::origin::{Conn, Origin, Request};
use super::super::{Gate, http};
use super::Manner;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How the requests to come are met.
struct Plan {
    next: VecDeque<(usize, Manner)>,
    always: Manner,
    gate: Arc<Gate>,
}

impl Plan {
    /// Whether the next request on a kept connection finds it closed.
    fn takes_stale(&mut self) -> bool {
        let stale = self.next.front().map_or(self.always, |(_, manner)| *manner) == Manner::Stale;
        if stale {
            self.advance();
        }
        stale
    }

    /// How a request that has come is met. A new connection cannot be stale.
    fn take(&mut self) -> Manner {
        match self.next.front().map_or(self.always, |(_, manner)| *manner) {
            Manner::Stale => Manner::Serve,
            manner => {
                self.advance();
                manner
            }
        }
    }

    fn advance(&mut self) {
        if let Some((left, _)) = self.next.front_mut() {
            *left -= 1;
            if *left == 0 {
                self.next.pop_front();
            }
        }
    }
}

/// Plays the node until the input ends.
pub(super) fn play(role: &str) {
    let mut words = role.split(' ');
    let name = words.next().unwrap().to_owned();
    let ports: Vec<u16> = words.map(|port| port.parse().unwrap()).collect();
    let plan = Plan { next: VecDeque::new(), always: Manner::Serve, gate: Arc::default() };
    let plan = Arc::new(Mutex::new(plan));
    let memory: Mutex<Memory> = Mutex::default();
    let followed = plan.clone();
    let origin = Origin::refusing_at(&ports, move |mut conn| {
        conn.stop_recording();
        while let Some(kept) = meet(&name, conn, &followed, &memory) {
            conn = kept;
        }
    });
    origin.listen();
    // The harness has begun a line of its own.
    println!("\nnode: done");
    for line in std::io::stdin().lines().map_while(Result::ok) {
        obey(&line, &plan, &origin);
        println!("node: done");
    }
    // Whoever started it is gone.
    std::process::exit(0);
}

fn obey(order: &str, plan: &Mutex<Plan>, origin: &Origin) {
    let words: Vec<&str> = order.split(' ').collect();
    let mut plan = plan.lock().unwrap();
    match words[..] {
        ["next", count, ref manner @ ..] => {
            plan.next.push_back((count.parse().unwrap(), manner_of(manner)));
        }
        ["always", ref manner @ ..] => {
            plan.next.clear();
            plan.always = manner_of(manner);
        }
        ["go_on"] => std::mem::take(&mut plan.gate).open(),
        ["refuse"] => [0, 1].into_iter().for_each(|index| origin.refuse_on(index)),
        ["listen"] => origin.listen(),
        ["nothing"] => {}
        _ => panic!("what does {order:?} mean"),
    }
}

fn manner_of(words: &[&str]) -> Manner {
    match words[..] {
        ["serve"] => Manner::Serve,
        ["held"] => Manner::Held,
        ["late", milliseconds] => Manner::Late(milliseconds.parse().unwrap()),
        ["reset"] => Manner::Reset,
        ["half_body"] => Manner::HalfBody,
        ["half_head"] => Manner::HalfHead,
        ["stale"] => Manner::Stale,
        ["status", status] => Manner::Status(status.parse().unwrap()),
        ["silent"] => Manner::Silent,
        _ => panic!("what manner is {words:?}"),
    }
}

fn tell(what: &str, port: usize, head: &Head) {
    let id = head.target().rsplit('/').next().unwrap();
    // One write of a whole line: nothing of it is lost when the process is killed.
    let line = format!("node: {what} {port} {} {id}\n", head.method());
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

/// Meets one request; none when the connection is over.
fn meet(name: &str, mut conn: Conn, plan: &Mutex<Plan>, memory: &Mutex<Memory>) -> Option<Conn> {
    let mut seen = [0; 16 * 1024];
    let arrived = conn.stream().peek(&mut seen).ok().filter(|count| *count > 0)?;
    if conn.number().is_some() && plan.lock().unwrap().takes_stale() {
        // Edges send the head in one piece. What is not read makes the close a reset, as in life.
        let head = Wire::new(std::io::Cursor::new(seen[..arrived].to_vec())).head().unwrap().unwrap();
        tell("stale", conn.port, &head);
        return None;
    }
    let head = conn.head()?;
    let body = conn.wire.body(Framing::of_request(&head)).ok()?;
    let request = Request { connection: conn.number()?, port: conn.port, head, body };
    tell("got", conn.port, &request.head);
    let (manner, gate) = {
        let mut plan = plan.lock().unwrap();
        (plan.take(), plan.gate.clone())
    };
    if manner != Manner::Serve {
        let word = manner.to_string();
        tell(word.split(' ').next().unwrap(), conn.port, &request.head);
    }
    let answer = || reply(name, &mut memory.lock().unwrap(), &request);
    match manner {
        Manner::Serve | Manner::Stale => conn.send(answer()),
        Manner::Held => {
            gate.wait();
            conn.send(answer());
        }
        Manner::Late(milliseconds) => {
            std::thread::sleep(Duration::from_millis(milliseconds));
            conn.send(answer());
        }
        Manner::Reset => {
            conn.reset();
            return None;
        }
        Manner::HalfBody => {
            let answer = answer();
            let head = head_length(&answer);
            conn.send(&answer[..head + (answer.len() - head) / 2]);
            conn.reset();
            return None;
        }
        Manner::HalfHead => {
            let answer = answer();
            conn.send(&answer[..head_length(&answer) / 2]);
            return None;
        }
        Manner::Status(status) => {
            conn.send(http::answer(&format!("{status} Told So"), &format!("X-Node: {name}\r\n"), b"so"));
        }
        Manner::Silent => {
            // Until the edge gives up.
            let _ = conn.stream().read(&mut seen);
            return None;
        }
    }
    Some(conn)
}

fn head_length(answer: &[u8]) -> usize {
    answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4
}
