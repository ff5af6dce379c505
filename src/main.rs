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
    /// Make, rotate and promote the keys of persistence cookies
    Keys {
        /// What to do
        action: cli::keys::Action,
        /// The key file
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run { config } => cli::run::run(&config),
        Command::Check { file, show_defaults } => cli::check::run(&file, show_defaults),
        Command::Keys { action, file } => cli::keys::run(action, &file),
    }
}
