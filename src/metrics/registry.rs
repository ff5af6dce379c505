//! The registry: who is asked at a scrape.

use super::names::Family;
use super::samples::Samples;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, TextEncoder};
use std::collections::HashMap;

/// A part of the edge that can tell figures.
pub trait Source: Send + Sync + 'static {
    /// The metrics it tells, and nobody else does.
    fn families(&self) -> &[&'static Family];

    /// Tells them as they are now. Called from the admin listener's thread; must not wait for requests.
    fn collect(&self, samples: &mut Samples);
}

/// Everything one edge can tell.
#[derive(Debug, Default)]
pub struct Registry {
    inner: prometheus::Registry,
}

impl Registry {
    /// A registry with the figures of the process itself (`process_…`).
    #[must_use]
    pub fn new() -> Self {
        let registry = Self::default();
        let process = prometheus::process_collector::ProcessCollector::for_self();
        registry.register(Box::new(process));
        registry
    }

    /// From now on `source` is asked too.
    pub fn add(&self, source: impl Source) {
        // Names and labels are constants that a test holds to the rules.
        let describe = |family: &&'static Family| {
            let labels = family.labels.iter().map(|label| (*label).to_owned()).collect();
            Desc::new(family.name.to_owned(), family.help.to_owned(), labels, HashMap::new()).ok()
        };
        let descriptions = source.families().iter().filter_map(describe).collect();
        self.register(Box::new(Asked { source, descriptions }));
    }

    fn register(&self, collector: Box<dyn Collector>) {
        if let Err(error) = self.inner.register(collector) {
            // Two sources for one name: what came first is told.
            log::error!("a metric is told twice: {error}");
            debug_assert!(false, "{error}");
        }
    }

    /// Everything in Prometheus' text format, version 0.0.4.
    #[must_use]
    pub fn told(&self) -> String {
        let mut out = Vec::with_capacity(64 * 1024);
        // Writing to memory does not fail, and families without samples were left out.
        if let Err(error) = TextEncoder::new().encode(&self.inner.gather(), &mut out) {
            log::error!("metrics cannot be told: {error}");
        }
        String::from_utf8(out).unwrap_or_default()
    }
}

/// Makes a source one of the library's collectors.
struct Asked<S> {
    source: S,
    descriptions: Vec<Desc>,
}

impl<S: Source> Collector for Asked<S> {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut samples = Samples::default();
        self.source.collect(&mut samples);
        samples.into_families()
    }
}
