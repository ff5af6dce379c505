//! Prometheus metrics: what is counted, where, and how it is told.
//!
//! ```text
//! worker ─▶ tallies (one copy a worker, plain adds) ─┐
//! control thread ─▶ atomics of the live state ───────┼─▶ Source ─▶ Registry ─▶ GET /metrics
//! tables, health, process ───────────────────────────┘   (asked at each scrape)
//! ```
//!
//! Nothing is pushed. A [`Source`] is asked at each scrape and reads what its part of the edge counts anyway.
//! On a request's path counting is a load and a store of the worker's own memory: no lock, no allocation, no
//! locked instruction. The counters of a metrics library were rejected there: their cells are shared, and two
//! workers that count the same thing pass a cache line back and forth, a dozen times for each request.
//!
//! [`names`] has every name, label and explanation. The registry belongs to the edge that made it; there is no
//! global one, so that several edges in one process do not count for each other.

mod count;
pub mod names;
pub mod reasons;
mod registry;
mod samples;
pub mod tally;

pub use count::{Count, Durations, PerWorker};
pub use registry::{Registry, Source};
pub use samples::Samples;
