//! What is paid for every request: `cargo bench`. How to read it is told in benches/README.md.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    reason = "a program for measuring"
)]
#![allow(clippy::print_stdout, reason = "it prints a table")]

#[path = "hot_path/counting.rs"]
mod counting;
#[path = "hot_path/farm.rs"]
mod farm;
#[cfg(feature = "edge")]
#[path = "hot_path/heads.rs"]
mod heads;
#[path = "hot_path/maps.rs"]
mod maps;
#[path = "hot_path/pins.rs"]
mod pins;
#[path = "hot_path/ratios.rs"]
mod ratios;

use criterion::Criterion;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

fn main() {
    // `hot_path repeat <case> <times>` under callgrind; `cargo bench -- ratios` for the ratios alone.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["repeat", case, times] => return ratios::repeat(case, times.parse().unwrap()),
        ["ratios", ..] => return ratios::print(),
        _ => {}
    }
    let mut criterion = Criterion::default().sample_size(30).configure_from_args();
    #[cfg(feature = "edge")]
    heads::measure(&mut criterion);
    pins::measure(&mut criterion);
    criterion.final_summary();
    if !arguments.iter().any(|argument| argument == "--test") {
        ratios::print();
    }
}
