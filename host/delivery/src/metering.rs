//! What tries at sending took, as metrics: per destination, and how many came to what.
//!
//! Names and meanings stand here and nowhere else. Labels are names that the operator chose and the results, so there are
//! no more series than destinations allow for.

use hookyard_model::{Delivery, DestinationRef};
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

const DELIVERIES: &str = "hookyard_deliveries_total";
const TIME: &str = "hookyard_delivery_seconds";
const PAUSED: &str = "hookyard_destination_paused";

/// Says what each metric is, to whoever records them.
pub fn describe_metrics() {
    describe_counter!(
        DELIVERIES,
        "Tries at sending a message that ended, by what they came to."
    );
    describe_histogram!(
        TIME,
        Unit::Seconds,
        "Time of a try, from signing to the end of the answer."
    );
    describe_gauge!(
        PAUSED,
        "1 while the receiver takes nothing and is left alone, else 0."
    );
}

/// Records a try that ended.
pub(super) fn record(destination: &DestinationRef, delivery: &Delivery) {
    let [tenant, name] = labels(destination);
    counter!(
        DELIVERIES,
        &[tenant, name, ("result", delivery.result.name().to_owned())]
    )
    .increment(1);
    histogram!(TIME, &labels(destination)).record(delivery.duration.as_secs_f64());
}

/// Records that a receiver is left alone from now on, or no more.
pub(super) fn record_pause(destination: &DestinationRef, is_paused: bool) {
    gauge!(PAUSED, &labels(destination)).set(f64::from(u8::from(is_paused)));
}

fn labels(
    DestinationRef {
        tenant,
        name: destination,
    }: &DestinationRef,
) -> [(&'static str, String); 2] {
    [
        ("tenant", tenant.to_string()),
        ("destination", destination.to_string()),
    ]
}
