//! The deliverer over the store in memory, a post that follows a script, and tokio's paused clock: hours pass in no
//! time, and every moment is exact.

mod answers;
mod bounds;
mod crashes;
mod door;
mod faults;
mod kit;
mod logs;
mod lost;
mod order;
mod outage;
mod reload;
mod stopping;
