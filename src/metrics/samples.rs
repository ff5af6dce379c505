//! What a source tells at a scrape.

use super::count::{Distribution, Durations, PerWorker};
use super::names::{Family, Kind};
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use std::collections::BTreeMap;

/// Collects samples family by family.
#[derive(Debug, Default)]
pub struct Samples {
    families: BTreeMap<&'static str, MetricFamily>,
}

impl Samples {
    /// A counter's value under these label values, in the order of the family's labels.
    pub fn count(&mut self, family: &'static Family, labels: &[&str], value: u64) {
        debug_assert_eq!(family.kind, Kind::Counter, "{}", family.name);
        let mut counter = Counter::default();
        counter.set_value(value as f64);
        let mut metric = labelled(family, labels);
        metric.set_counter(counter);
        self.push(family, metric);
    }

    /// A gauge's value.
    pub fn gauge(&mut self, family: &'static Family, labels: &[&str], value: f64) {
        debug_assert_eq!(family.kind, Kind::Gauge, "{}", family.name);
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = labelled(family, labels);
        metric.set_gauge(gauge);
        self.push(family, metric);
    }

    /// A gauge that says yes or no.
    pub fn flag(&mut self, family: &'static Family, labels: &[&str], value: bool) {
        self.gauge(family, labels, f64::from(u8::from(value)));
    }

    /// A histogram, added up over the workers.
    pub fn durations<T>(
        &mut self,
        family: &'static Family,
        labels: &[&str],
        parts: &PerWorker<T>,
        pick: impl Fn(&T) -> &Durations,
    ) {
        debug_assert_eq!(family.kind, Kind::Histogram, "{}", family.name);
        let Distribution { buckets, count, sum } = parts.distribution(pick);
        let mut histogram = Histogram::default();
        histogram.set_sample_count(count);
        histogram.set_sample_sum(sum);
        let bucket = |(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(count);
            bucket
        };
        histogram.set_bucket(buckets.into_iter().map(bucket).collect());
        let mut metric = labelled(family, labels);
        metric.set_histogram(histogram);
        self.push(family, metric);
    }

    fn push(&mut self, family: &'static Family, metric: Metric) {
        let entry = self.families.entry(family.name).or_insert_with(|| {
            let mut entry = MetricFamily::default();
            entry.set_name(family.name.to_owned());
            entry.set_help(family.help.to_owned());
            entry.set_field_type(match family.kind {
                Kind::Counter => MetricType::COUNTER,
                Kind::Gauge => MetricType::GAUGE,
                Kind::Histogram => MetricType::HISTOGRAM,
            });
            entry
        });
        entry.mut_metric().push(metric);
    }

    pub(super) fn into_families(self) -> Vec<MetricFamily> {
        self.families.into_values().collect()
    }
}

fn labelled(family: &Family, values: &[&str]) -> Metric {
    debug_assert_eq!(family.labels.len(), values.len(), "{}", family.name);
    let pair = |(name, value): (&&str, &&str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    Metric::from_label(family.labels.iter().zip(values).map(pair).collect())
}
