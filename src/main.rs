//! The command line of identity-edge.

use clap::{Parser, Subcommand};
use identity_edge::cli;
use std::path::PathBuf;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An edge reverse proxy for identity systems: every request of a session on the node that knows it.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT
    Run {
        /// The configuration file
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Say everything that is wrong with a configuration file
    Check {
        /// The configuration file
        file: PathBuf,
        /// Print the configuration with every default filled in
        #[arg(long)]
        show_defaults: bool,
    },
    /// Print the JSON Schema of configuration files, for editors
    Schema,
    /// Say what becomes of a request, and why
    Explain(cli::explain::Arguments),
    /// Make, rotate and promote the keys of persistence cookies
    Keys {
        /// What to do
        action: cli::keys::Action,
        /// The key file
        file: PathBuf,
    },
    /// Show what this is for: a small farm on this machine, with the edge in front of it
    Demo {
        /// A configuration file; conf/demo.yaml is built in
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// End with the story, with exit code 0 if everything it claims was so
        #[arg(long)]
        exit: bool,
        /// Be the edge of a demo that runs
        #[arg(long, value_name = "FILE", hide = true)]
        edge: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run { config } => cli::run::run(&config),
        Command::Check { file, show_defaults } => cli::check::run(&file, show_defaults),
        Command::Schema => cli::schema::run(),
        Command::Explain(arguments) => cli::explain::run(&arguments),
        Command::Keys { action, file } => cli::keys::run(action, &file),
        Command::Demo { edge: Some(file), .. } => cli::demo::run_edge(&file),
        Command::Demo { config, exit, .. } => cli::demo::run(config.as_deref(), exit),
    }
}
