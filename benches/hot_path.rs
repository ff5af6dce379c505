//! What is paid for every request.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a program for measuring")]

#[path = "hot_path/counting.rs"]
mod counting;
#[path = "hot_path/farm.rs"]
mod farm;
#[path = "hot_path/maps.rs"]
mod maps;
#[path = "hot_path/ratios.rs"]
mod ratios;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

fn main() {
    if let Ok(which) = std::env::var("ONLY") {
        return ratios::only(which.parse().unwrap());
    }
    ratios::print();
}
