//! Told to stop, a deliverer begins nothing and leaves nothing half done.

use hookyard_delivery::Destination;
use tokio::time::{Instant, sleep};

use crate::kit::{HOUR, Plan, SECOND, Yard, answer, partner};

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_finished_and_nothing_more_is_begun() {
    let plan = Plan::of(Destination {
        concurrency: 2,
        timeout: HOUR,
        ..partner()
    });
    let mut yard = Yard::start(plan, |_| (10 * SECOND, answer(200))).await;
    yard.send(0..5).await;
    sleep(SECOND).await;
    let told = Instant::now();
    yard.tell_to_stop();
    (&mut yard.task).await.expect("the deliverer ends well");
    assert_eq!(told.elapsed().as_secs(), 9);
    assert_eq!(
        yard.states().await,
        ["done", "done", "pending", "pending", "pending"]
    );
    assert_eq!(yard.post.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_cut_off_and_keeps_its_lease() {
    let plan = Plan {
        shutdown_timeout: 5 * SECOND,
        ..Plan::of(Destination {
            timeout: HOUR,
            ..partner()
        })
    };
    let mut yard = Yard::start(plan, |_| (HOUR, answer(200))).await;
    yard.send(0..1).await;
    sleep(SECOND).await;
    let told = Instant::now();
    yard.tell_to_stop();
    (&mut yard.task).await.expect("the deliverer ends well");
    assert_eq!(told.elapsed().as_secs(), 5);
    assert_eq!(yard.states().await, ["leased"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_try_keeps_its_lease() {
    let plan = Plan::of(Destination {
        timeout: HOUR,
        ..partner()
    });
    let yard = Yard::start(plan, |_| (HOUR / 2, answer(200))).await;
    yard.send(0..1).await;
    yard.all_over().await;
    assert_eq!(
        (yard.states().await, yard.post.seen().len()),
        (vec!["done"], 1)
    );
    yard.stop().await;
}
