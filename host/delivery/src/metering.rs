//! The metrics of deliveries, by tenant and destination, and by result.
//!
//! This is the only place with their names and descriptions. The labels are the operator's names
//! and the results, so the number of series is bounded by the number of destinations.

use hookyard_model::{Delivery, DestinationRef};
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

const DELIVERIES: &str = "hookyard_deliveries_total";
const TIME: &str = "hookyard_delivery_seconds";
const PAUSED: &str = "hookyard_destination_paused";

/// Registers the descriptions of the metrics with the installed recorder.
pub fn describe_metrics() {
    describe_counter!(DELIVERIES, "Ended deliveries of messages, by result.");
    describe_histogram!(
        TIME,
        Unit::Seconds,
        "Time of a delivery, from signing to the end of the answer."
    );
    describe_gauge!(
        PAUSED,
        "1 while the breaker stops sending to the destination, otherwise 0."
    );
}

/// Records a delivery that has ended.
pub(crate) fn record(destination: &DestinationRef, delivery: &Delivery) {
    let labels = labels(destination);
    histogram!(TIME, &labels).record(delivery.duration.as_secs_f64());

    let [tenant, name] = labels;
    let result = ("result", delivery.result.name().to_owned());
    counter!(DELIVERIES, &[tenant, name, result]).increment(1);
}

/// Records whether the breaker stops sending to a destination.
pub(crate) fn record_pause(destination: &DestinationRef, is_paused: bool) {
    gauge!(PAUSED, &labels(destination)).set(f64::from(u8::from(is_paused)));
}

fn labels(destination: &DestinationRef) -> [(&'static str, String); 2] {
    [
        ("tenant", destination.tenant.to_string()),
        ("destination", destination.name.to_string()),
    ]
}
