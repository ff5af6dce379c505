//! The command line of identity-edge.

fn main() {}
