//! `identity-edge demo`: shows what the edge does, on this machine alone.
//!
//! Stand-in nodes answer on the loopback interface, each with what it was told in its own memory; the real
//! edge runs before them as a process of its own; clients with addresses of their own talk through it. Of every
//! request two witnesses are heard, the edge's access log and the node that answered, and they must agree.
//!
//! The edge is not run inside this process: what is shown is `identity-edge run` with a file that anyone can
//! run again.

mod client;
mod edge;
mod farm;
mod http;
mod mim;
mod portal;
mod scratch;
mod screen;
mod sites;
mod stand_in;
mod story;
mod xml;

use crate::config::{Config, ConfigError};
use edge::{Edge, Said};
use farm::{Farm, Ports};
use scratch::{Scratch, Source};
use screen::{Mood, Screen};
use sites::Sites;
use std::fmt;
use std::io::{self, BufRead as _, ErrorKind, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use story::{Story, Tally};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// `conf/demo.yaml`, for a binary that is alone.
const BUILT_IN: &str = include_str!("../../conf/demo.yaml");

/// Runs the demo with `file`, or with `conf/demo.yaml` as it was when this program was built. With `exit` it
/// ends after the conversation; otherwise it stays until it is interrupted.
///
/// The exit code is 0 if every request reached the node that knows what it asked for, and 1 otherwise or if
/// something could not be started.
#[must_use]
pub fn run(file: Option<&Path>, exit: bool) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("identity-edge demo: the system refused a runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(until_interrupted(file, exit)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(DemoError::Config(errors)) => {
            for error in errors {
                eprintln!("{error}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("identity-edge demo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Why there is nothing to see.
#[derive(Debug)]
enum DemoError {
    /// The configuration is wrong.
    Config(Vec<ConfigError>),
    /// It is right, and not for a demo.
    Unfit(String),
    /// The system refused something.
    Io { doing: String, source: io::Error },
    /// The edge is not what it should be.
    Edge { what: &'static str, said: String },
}

impl DemoError {
    fn io(doing: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing: doing.to_owned(), source }
    }

    fn is_in_use(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == ErrorKind::AddrInUse)
    }
}

impl fmt::Display for DemoError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(errors) => errors.iter().try_for_each(|error| writeln!(formatter, "{error}")),
            Self::Unfit(text) => formatter.write_str(text),
            Self::Io { doing, source } => write!(formatter, "cannot {doing}: {source}"),
            Self::Edge { what, said } => write!(formatter, "the edge {what}; it said:\n{said}"),
        }
    }
}

/// Everything that runs. Dropping it ends all of it: the edge first, by its process.
struct Stage {
    edge: Edge,
    farm: Farm,
    config: Config,
    file: PathBuf,
    _scratch: Scratch,
}

async fn until_interrupted(file: Option<&Path>, exit: bool) -> Result<bool, DemoError> {
    let refused = "handle signals";
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DemoError::io(refused))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(DemoError::io(refused))?;
    let mut hangup = signal(SignalKind::hangup()).map_err(DemoError::io(refused))?;
    let stopped = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    };
    tokio::pin!(stopped);
    // What is dropped by a signal ends its processes and removes its files as it goes.
    let mut stage = tokio::select! {
        stage = set(file) => stage?,
        () = &mut stopped => return Ok(false),
    };
    let mut tally = None;
    let result = tokio::select! {
        result = perform(&mut stage, exit, &mut tally) => result,
        () = &mut stopped => Ok(()),
    };
    if result.is_ok() && !exit {
        stage.edge.part();
    }
    result.map(|()| tally.is_some_and(|tally: Tally| tally.astray == 0))
}

/// Starts everything. The configuration's own ports are tried first, then whichever are free.
async fn set(file: Option<&Path>) -> Result<Stage, DemoError> {
    let source = match file {
        None => Source { file: PathBuf::from("conf/demo.yaml"), text: BUILT_IN.to_owned() },
        Some(file) => {
            let text = std::fs::read_to_string(file);
            let text = text.map_err(DemoError::io(&format!("read {}", file.display())))?;
            Source { file: file.to_owned(), text }
        }
    };
    let scratch = Scratch::make()?;
    let keys = scratch.keys()?;
    let mut config = scratch::load(&source, &keys)?;
    // Whoever has the stand-ins' ports has the listeners' too: two demos that start together never share one.
    let (farm, mut ports) = match Farm::start(&mut config, Ports::Named).await {
        Ok(farm) => (farm, Ports::Named),
        Err(error) if error.is_in_use() => (Farm::start(&mut config, Ports::Free).await?, Ports::Free),
        Err(error) => return Err(error),
    };
    loop {
        scratch::yield_ports(&mut config, ports);
        let file = scratch.config(&source, &keys, &config)?;
        match Edge::start(&file).await {
            Ok(edge) => return Ok(Stage { edge, farm, config, file, _scratch: scratch }),
            // Somebody may have taken a port meanwhile.
            Err(_) if ports == Ports::Named => ports = Ports::Free,
            Err(error) => return Err(error),
        }
    }
}

async fn perform(stage: &mut Stage, exit: bool, tally: &mut Option<Tally>) -> Result<(), DemoError> {
    let Stage { edge, farm, config, file, .. } = stage;
    let sites = Sites::find(config, edge)?;
    let screen = Screen::new(config.nodes.iter().map(|node| node.name.clone()).collect(), !exit);
    introduce(&screen, &sites, edge, farm);
    let mut story = Story { edge, farm, screen: &screen, sites: &sites, tally: Tally::default() };
    story.tell().await?;
    let told = story.tally;
    *tally = Some(told);
    summarise(&screen, told);
    if exit {
        return Ok(());
    }
    invite(&screen, &sites, edge, file);
    stay(&screen, edge, farm).await
}

fn introduce(screen: &Screen, sites: &Sites, edge: &Edge, farm: &Farm) {
    screen.line("Microsoft Identity Manager keeps sessions in the memory of each node. The edge makes sure that every");
    screen.line("request of a session reaches the node that knows it. All of this runs on this machine's loopback interface.");
    screen.title("Behind the edge: stand-in nodes");
    for node in farm.nodes() {
        let ports: Vec<String> = node.sites.iter().map(|(_, address)| address.port().to_string()).collect();
        let ip = node.ip().map(|ip| ip.to_string()).unwrap_or_default();
        screen.line(&format!("  {:9} {ip:12} ports {}", node.name, ports.join(", ")));
    }
    screen.title(&format!("The edge: identity-edge run, process {}", edge.id()));
    for (what, site) in [
        ("MIM Service", &sites.service),
        ("MIM tokens (STS)", &sites.sts),
        ("MIM Portal", &sites.portal),
        ("SSPR Registration", &sites.registration),
        ("SSPR Reset", &sites.reset),
    ] {
        screen.line(&format!("  {what:18} {:44} {}", site.url("/"), site.nodes.join(", ")));
    }
    screen.line("");
    screen.line("Below, class, why, outcome and node are what the edge's access log says. Outcomes:");
    screen.line("  fresh         a new client got a node");
    screen.line("  persisted     its own node again");
    screen.line("  redispatched  its node is gone, another one took over");
    screen.line(
        "Why: what made the edge take the client for this class; group: the configuration leaves no choice.",
    );
}

fn summarise(screen: &Screen, tally: Tally) {
    screen.title("Result");
    let Tally { requests, astray, orphaned } = tally;
    if astray == 0 {
        let known = requests - orphaned;
        screen.verdict(
            true,
            &format!("{requests} requests: {known} were answered by the node that knows the client."),
        );
    } else {
        screen.verdict(
            false,
            &format!("{astray} of {requests} requests did not reach the node that knows the client."),
        );
    }
    if orphaned > 0 {
        screen.line(&format!(
            "  {orphaned} named what had died with the stopped node: that is told to the client, not hidden."
        ));
    }
}

fn invite(screen: &Screen, sites: &Sites, edge: &Edge, file: &Path) {
    let soap = "-H 'Content-Type: application/soap+xml'";
    screen.title("Try it by hand; the edge's view of each request appears below.");
    screen.line("  A web service client, from any address of its own (127.0.0.131, …), on either port:");
    screen.line(&format!(
        "    curl -i --interface 127.0.0.131 {soap} -d '<Enumerate/>' {}",
        sites.service.url("/ResourceManagementService/Enumeration")
    ));
    screen.line("  with the Context that it answers:");
    screen.line(&format!(
        "    curl -i --interface 127.0.0.131 {soap} -d '<Pull><context>…</context></Pull>' {}",
        sites.service.url("/ResourceManagementService/Enumeration")
    ));
    screen.line(&format!(
        "    curl -i --interface 127.0.0.131 {soap} -d '<Issue><user>alice</user></Issue>' {}",
        sites.sts.url("/ResourceManagementService/SecurityTokenService/Registration")
    ));
    screen.line("  A browser, or one of your own at the same URL:");
    screen.line(&format!("    curl -i -c jar -b jar {}", sites.portal.url("/IdentityManagement")));
    screen.line(&format!("    curl -i -c jar -b jar {}", sites.reset.url("/")));
    if let Some(node) = sites.service.nodes.first()
        && io::stdin().is_terminal()
    {
        screen.line(&format!("  Stop and start a node: type  stop {node}  or  start {node}  and Enter."));
    }
    screen.line(&format!("  The configuration: {}", file.display()));
    screen.line(&format!("  The edge's process: {}", edge.id()));
    screen.line("  Ctrl-C ends everything.");
    screen.line("");
    screen.columns();
}

/// Shows what happens until the edge ends.
async fn stay(screen: &Screen, edge: &mut Edge, farm: &mut Farm) -> Result<(), DemoError> {
    let mut typed = typed()?;
    loop {
        tokio::select! {
            said = edge.next() => match said {
                Said::Request(entry) => {
                    let request = format!("{} {}", entry.method, shortened(&entry.path));
                    let failure = entry.failure.as_deref().map(|why| format!(" {why}")).unwrap_or_default();
                    let answer = format!("{}{failure}", entry.status);
                    let mood = if entry.status < 500 { Mood::Good } else { Mood::Bad };
                    screen.request(&entry, &request, &answer, mood).await;
                }
                Said::Warning(text) => screen.warning(&text),
                Said::Ended => return Err(DemoError::Edge { what: "has ended", said: edge.said() }),
            },
            Some(line) = typed.recv() => obey(screen, farm, &line).await?,
        }
    }
}

/// A path that fits its column: of a long one the last segment.
fn shortened(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((_, last)) if path.len() > 19 => format!("…/{last}"),
        _ => path.to_owned(),
    }
}

async fn obey(screen: &Screen, farm: &mut Farm, line: &str) -> Result<(), DemoError> {
    let mut words = line.split_whitespace();
    match (words.next(), words.next()) {
        (None, _) => {}
        (Some("stop"), Some(node)) if farm.stop(node).await => {
            screen.line(&format!("  {node} has stopped."));
        }
        (Some("start"), Some(node)) if farm.start_again(node).await? => {
            screen.line(&format!("  {node} has started, with nothing in its memory."));
        }
        _ => screen.line("  Type stop or start and the name of a node that runs or does not."),
    }
    Ok(())
}

/// What is typed, line by line. The thread that reads ends with the process.
fn typed() -> Result<UnboundedReceiver<String>, DemoError> {
    let (sender, lines) = unbounded_channel();
    // A program in the background that reads its terminal is stopped: only a terminal's owner has something to type.
    if io::stdin().is_terminal() {
        let read = move || {
            for line in io::stdin().lock().lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().spawn(read).map_err(DemoError::io("start a thread"))?;
    }
    Ok(lines)
}
