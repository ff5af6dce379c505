//! `identity-edge demo`: shows what the edge does, on this machine alone.
//!
//! Stand-in nodes answer on the loopback interface, each with what it was told in its own memory; the real
//! edge runs before them as a process of its own; clients with addresses of their own talk through it, all at once.
//! Of every request two witnesses are heard, the edge's access log and the node that answered, and they must agree.
//!
//! The edge is not run inside this process: what is shown is `identity-edge run` with a file that anyone can
//! run again.
//!
//! What happens goes into one model (`world`), and a view shows it: as a picture on a terminal, as lines elsewhere.

mod cast;
mod client;
mod edge;
mod error;
mod farm;
mod http;
mod keys;
mod metrics;
mod mim;
mod portal;
mod scratch;
mod seat;
mod show;
mod sites;
mod stage;
mod stand_in;
mod stay;
mod story;
mod tally;
mod traffic;
mod view;
mod witness;
mod world;
mod xml;

use error::DemoError;
use show::{Pace, Show};
use stage::Stage;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use view::View;

/// Runs the demo with `file`, or with `conf/demo.yaml` as it was when this program was built. With `exit` it
/// ends with its story; otherwise it stays until it is interrupted.
///
/// The exit code is 0 if everything that the story claims was found to be so, and 1 otherwise or if something could
/// not be started.
#[must_use]
pub fn run(file: Option<&Path>, exit: bool) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime.map_err(DemoError::io("get a runtime")) {
        Ok(runtime) => runtime.block_on(until_interrupted(file, exit)),
        Err(error) => Err(error),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // The terminal may have gone.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the edge of a demo in this process, which ends with the demo's.
#[must_use]
pub fn run_edge(file: &Path) -> ExitCode {
    edge::run(file)
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
    let stage = tokio::select! {
        stage = Stage::set(file) => stage?,
        () = &mut stopped => return Ok(!exit),
    };
    let pace = if exit { Pace::QUICK } else { Pace::WATCHED };
    let mut show = Show::new(stage, View::choose(), pace)?;
    let result = tokio::select! {
        result = perform(&mut show, exit) => result,
        () = &mut stopped => Ok(()),
    };
    let Show { world, view, .. } = show;
    view.close(&world);
    result.map(|()| world.failures.is_empty() && (world.result.is_some() || !exit))
}

async fn perform(show: &mut Show, exit: bool) -> Result<(), DemoError> {
    story::tell(show).await?;
    if exit { Ok(()) } else { stay::stay(show).await }
}
