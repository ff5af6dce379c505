//! Bounds on what clients may take.

mod heads;
mod pace;
mod rate;
mod slots;
