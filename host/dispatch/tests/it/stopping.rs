//! Told to stop, a dispatcher begins nothing and leaves nothing half done.

use std::sync::atomic::Ordering;

use tokio::time::{Instant, sleep};

use crate::kit::{HOUR, Plan, SECOND, Yard, done_in};

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_is_finished_and_nothing_more_is_begun() {
    let mut yard = Yard::start(
        Plan {
            active: vec![("ship", 2)],
            ..Plan::default()
        },
        |_| done_in(10 * SECOND),
    );
    yard.route(&["ship"]).await;
    yard.append(0..5).await;
    sleep(SECOND).await;
    let told = Instant::now();
    yard.tell_to_stop();
    (&mut yard.task).await.expect("the dispatcher ends well");
    assert_eq!(told.elapsed().as_secs(), 9);
    assert_eq!(
        yard.states().await,
        ["done", "done", "pending", "pending", "pending"]
    );
    assert_eq!(yard.runner.runs.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_cut_off_and_keeps_its_lease() {
    let plan = Plan {
        shutdown_timeout: 5 * SECOND,
        ..Plan::default()
    };
    let mut yard = Yard::start(plan, |_| done_in(HOUR));
    yard.route(&["ship"]).await;
    yard.append(0..1).await;
    sleep(SECOND).await;
    let told = Instant::now();
    yard.tell_to_stop();
    (&mut yard.task).await.expect("the dispatcher ends well");
    assert_eq!(told.elapsed().as_secs(), 5);
    assert_eq!(yard.states().await, ["leased"]);
    assert_eq!(yard.attempts(0, "ship").len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_idle_one_stops_at_once() {
    let mut yard = Yard::start(Plan::default(), |_| done_in(SECOND));
    sleep(SECOND).await;
    let told = Instant::now();
    yard.tell_to_stop();
    (&mut yard.task).await.expect("the dispatcher ends well");
    assert!(told.elapsed().is_zero());
}
