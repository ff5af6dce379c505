//! The command line: one file a command.

pub mod check;
pub mod demo;
pub mod keys;
mod logger;
pub mod run;
pub mod schema;
