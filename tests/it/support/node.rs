//! A stand-in MIM node as a process of its own, for faults that only a process can have.
//!
//! The process is this test program again, told to run the one test [`plays_a_node`]: no further binary is
//! needed. It tells on its output what comes to it and what it does, line by line, so that nothing of that is
//! lost when it is killed. It ends when its input does; a frozen one is in a process group of its own, which
//! the kernel wakes and hangs up when the test that started it is gone.

mod player;

use super::PATIENCE;
use super::farm::Ports;
use super::origin::{bound, local};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use socket2::Socket;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

/// Tells the process which node it is: its name and ports.
const ROLE: &str = "IDENTITY_EDGE_TEST_NODE";

#[test]
#[ignore = "it is what a test starts as its node, and does nothing otherwise"]
fn plays_a_node() {
    if let Ok(role) = std::env::var(ROLE) {
        player::play(&role);
    }
}

/// How a node meets a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Answers.
    Serve,
    /// Answers once it is told to go on.
    Held,
    /// Answers after so many milliseconds.
    Late(u64),
    /// Reads it and resets the connection.
    Reset,
    /// Sends the head and half of the body, then resets the connection.
    HalfBody,
    /// Sends half of the head, then closes the connection.
    HalfHead,
    /// Closes a connection that was kept when the request arrives on it, and does not read it: in the race
    /// between a close and a request the close was first. On a new connection it answers.
    Stale,
    /// Answers with this status.
    Status(u16),
    /// Reads it and never answers.
    Silent,
}

impl fmt::Display for Manner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Manner::Serve => formatter.write_str("serve"),
            Manner::Held => formatter.write_str("held"),
            Manner::Late(milliseconds) => write!(formatter, "late {milliseconds}"),
            Manner::Reset => formatter.write_str("reset"),
            Manner::HalfBody => formatter.write_str("half_body"),
            Manner::HalfHead => formatter.write_str("half_head"),
            Manner::Stale => formatter.write_str("stale"),
            Manner::Status(status) => write!(formatter, "status {status}"),
            Manner::Silent => formatter.write_str("silent"),
        }
    }
}

/// Something that happened at a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `got` for a whole request, or the [`Manner`] other than serving that it met.
    pub what: String,
    /// Index of the port.
    pub port: usize,
    /// The request's method.
    pub method: String,
    /// The last segment of its path.
    pub id: String,
}

#[derive(Default)]
struct Told {
    events: Vec<Event>,
    /// Orders that were carried out, `ready` among them, by all processes so far.
    done: usize,
}

#[derive(Default)]
struct Output {
    told: Mutex<Told>,
    changed: Condvar,
}

struct Process {
    child: Child,
    orders: ChildStdin,
    /// Ends with the process's output.
    reader: Option<JoinHandle<()>>,
    frozen: bool,
}

/// A node. Dropping it kills the process.
pub struct Node {
    /// Its name, also in the `X-Node` header of its answers.
    pub name: String,
    /// They keep the ports ours while no process has them.
    reserved: [Socket; 2],
    process: Mutex<Process>,
    output: Arc<Output>,
}

impl Node {
    /// Starts the process and waits until it listens on both ports.
    #[track_caller]
    pub fn start(name: &str) -> Node {
        let reserved = [bound(0), bound(0)];
        let output: Arc<Output> = Arc::default();
        let process = Mutex::new(spawn(name, &reserved, &output));
        let node = Node { name: name.to_owned(), reserved, process, output };
        node.wait("that it listens", |told| (told.done > 0).then_some(()));
        node
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        // A test that has failed elsewhere still ends its nodes.
        self.process.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Ends the process at once, as a crash does.
    pub fn kill(&self) {
        let mut process = self.process();
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        process.reader.take().expect("it was killed before").join().unwrap();
    }

    /// Starts another process in place of the one that was killed: same name, same ports, empty memory.
    #[track_caller]
    pub fn restart(&self) {
        let before = self.output.told.lock().unwrap().done;
        *self.process() = spawn(&self.name, &self.reserved, &self.output);
        self.wait("that it listens again", |told| (told.done > before).then_some(()));
    }

    /// Stops the process in its tracks: its kernel still takes connections and bytes.
    pub fn freeze(&self) {
        let mut process = self.process();
        let pid = Pid::from_child(&process.child);
        kill_process(pid, Signal::STOP).unwrap();
        waitpid(Some(pid), WaitOptions::UNTRACED).unwrap();
        process.frozen = true;
    }

    /// Lets a frozen process go on.
    pub fn resume(&self) {
        let mut process = self.process();
        kill_process(Pid::from_child(&process.child), Signal::CONT).unwrap();
        process.frozen = false;
    }

    /// Gives an order and waits until it is carried out. The process must be running.
    #[track_caller]
    fn order(&self, order: &str) {
        self.order_to(&mut self.process(), order);
    }

    #[track_caller]
    fn order_to(&self, process: &mut Process, order: &str) {
        let before = self.output.told.lock().unwrap().done;
        writeln!(process.orders, "{order}").unwrap();
        self.wait(order, |told| (told.done > before).then_some(()));
    }

    /// The next requests are met so; others come first if they were ordered first.
    #[track_caller]
    pub fn next(&self, requests: usize, manner: Manner) {
        self.order(&format!("next {requests} {manner}"));
    }

    /// From now on requests are met so.
    #[track_caller]
    pub fn always(&self, manner: Manner) {
        self.order(&format!("always {manner}"));
    }

    /// Answers what it holds.
    #[track_caller]
    pub fn go_on(&self) {
        self.order("go_on");
    }

    /// Refuses new connections and keeps those it has.
    #[track_caller]
    pub fn refuse(&self) {
        self.order("refuse");
    }

    /// Takes new connections again.
    #[track_caller]
    pub fn listen(&self) {
        self.order("listen");
    }

    #[track_caller]
    fn wait<T>(&self, what: &str, mut look: impl FnMut(&Told) -> Option<T>) -> T {
        let mut found = None;
        let told = self.output.told.lock().unwrap();
        let waited = self.output.changed.wait_timeout_while(told, PATIENCE, |told| {
            found = look(told);
            found.is_none()
        });
        drop(waited);
        found.unwrap_or_else(|| panic!("{} never told: {what}", self.name))
    }

    /// Waits until a request is there, or has been met in some other manner.
    #[track_caller]
    pub fn wait_for(&self, what: &str, id: &str) {
        self.wait(&format!("{what} {id}"), |told| {
            told.events.iter().any(|event| event.what == what && event.id == id).then_some(())
        });
    }

    /// Everything so far, over all its processes.
    #[track_caller]
    pub fn events(&self) -> Vec<Event> {
        let mut process = self.process();
        if process.reader.is_some() && !process.frozen {
            // What it told before this is carried out has been read afterwards.
            self.order_to(&mut process, "nothing");
        }
        self.output.told.lock().unwrap().events.clone()
    }

    /// How often this has happened to a request.
    #[track_caller]
    pub fn count(&self, what: &str, id: &str) -> usize {
        self.events().iter().filter(|event| event.what == what && event.id == id).count()
    }
}

impl Ports for Node {
    fn name(&self) -> &str {
        &self.name
    }

    fn port(&self, index: usize) -> u16 {
        local(&self.reserved[index]).port()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut process = self.process();
        let _ = process.child.kill();
        let _ = process.child.wait();
    }
}

fn spawn(name: &str, reserved: &[Socket; 2], output: &Arc<Output>) -> Process {
    let [service, sts] = reserved.each_ref().map(|socket| local(socket).port());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "support::node::plays_a_node", "--ignored", "--nocapture", "--test-threads=1"])
        .env(ROLE, format!("{name} {service} {sts}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .expect("starting a node");
    let orders = child.stdin.take().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let output = output.clone();
    let reader = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let words: Vec<&str> = line.split(' ').collect();
            let mut told = output.told.lock().unwrap();
            match words[..] {
                ["node:", "done"] => told.done += 1,
                ["node:", what, port, method, id] => {
                    let (what, method, id) = (what.to_owned(), method.to_owned(), id.to_owned());
                    told.events.push(Event { what, port: port.parse().unwrap(), method, id });
                }
                // The test harness tells this and that, too.
                _ => continue,
            }
            output.changed.notify_all();
        }
    });
    Process { child, orders, reader: Some(reader), frozen: false }
}
