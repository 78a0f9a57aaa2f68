//! Tests of the deliverer with an in-memory store, a scripted receiver and the paused clock of
//! tokio. Hours pass at once, and every time is exact.

mod answers;
mod concurrency;
mod crashes;
mod door;
mod faults;
mod logs;
mod lost_deliveries;
mod ordering;
mod outage;
mod reload;
mod shutdown;
mod support;
