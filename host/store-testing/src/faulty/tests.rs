//! Faults happen at the planned call and have the planned effect.

use std::task::Poll;

use hookyard_store::{AppendResult, EventPage, EventSelection, Events, Jobs, Values};

use super::*;
use crate::MemoryStore;
use crate::conformance::support::event;

fn faulty() -> (Arc<FaultyStore>, Arc<dyn Store>) {
    let inner: Arc<dyn Store> = Arc::new(MemoryStore::default());
    (Arc::new(FaultyStore::new(Arc::clone(&inner))), inner)
}

async fn stored(inner: &Arc<dyn Store>) -> usize {
    let page = EventPage::first(EventSelection::default(), 1000);
    inner.events(page).await.expect("a page of events").len()
}

/// Returns whether the future is pending.
async fn hangs(future: impl Future) -> bool {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

#[tokio::test]
async fn failure_before_or_after_effect() {
    for (when, fault, kept) in [
        (When::Before, Fault::Fail, 0),
        (When::Before, Fault::Lose, 0),
        (When::After, Fault::Fail, 1),
        (When::After, Fault::Lose, 1),
    ] {
        let is_certain = kept == 0 && matches!(fault, Fault::Fail);
        let (faulty, inner) = faulty();
        faulty.at(1, when, fault);
        match faulty.append(event(1)).await {
            Err(Error::Store(_)) => assert!(is_certain),
            Err(Error::Unknown(_)) => assert!(!is_certain),
            other => panic!("{other:?}"),
        }
        assert_eq!(stored(&inner).await, kept, "{when:?}");
        faulty.append(event(2)).await.expect("an append");
        assert_eq!(stored(&inner).await, kept + 1, "only one call fails");
    }
}

#[tokio::test]
async fn planned_call_fails() {
    let (faulty, _) = faulty();
    faulty.at(3, When::Before, Fault::Fail);
    faulty.on(Call::Usage, 2, When::Before, Fault::Fail);

    let plugin = crate::conformance::support::plugin("acme/ship");
    let mut failed = Vec::new();
    for number in 1..=3 {
        failed.push(faulty.append(event(number)).await.is_err());
        failed.push(faulty.usage(&plugin).await.is_err());
    }

    assert_eq!(failed, [false, false, true, true, false, false]);
    assert_eq!(faulty.made(), [Call::Append, Call::Usage].repeat(3));
    assert!(!faulty.has_plan());
}

#[tokio::test]
async fn planned_number_of_calls_fail() {
    let (faulty, _) = faulty();
    faulty.on_next(Call::Append, 2, When::Before, Fault::Answer(|| Error::Busy));
    faulty.on_next(Call::Append, 0, When::Before, Fault::Fail);

    let mut answers = Vec::new();
    for number in 1..=3 {
        answers.push(
            faulty
                .append(event(number))
                .await
                .map_err(|error| error.to_string()),
        );
    }

    let busy = Err(Error::Busy.to_string());
    assert_eq!(answers, [busy.clone(), busy, Ok(AppendResult::New)]);
    assert_eq!((faulty.count(Call::Append), faulty.has_plan()), (3, false));

    faulty.on_next(Call::Append, usize::MAX, When::Before, Fault::Fail);
    assert!(faulty.append(event(4)).await.is_err());

    faulty.heal();
    assert_eq!(
        faulty.append(event(4)).await.expect("an append"),
        AppendResult::New
    );
}

#[tokio::test]
async fn crash_ends_all_calls() {
    for (when, kept) in [(When::Before, 0), (When::After, 1)] {
        let (faulty, inner) = faulty();
        faulty.on(Call::Append, 1, when, Fault::Crash);
        assert!(hangs(faulty.crashed()).await);
        assert!(hangs(faulty.append(event(1))).await);
        faulty.crashed().await;
        assert_eq!(stored(&inner).await, kept, "{when:?}");
        assert!(
            hangs(faulty.append(event(2))).await,
            "a host that died does nothing more"
        );
        assert!(hangs(faulty.changed()).await);
        assert_eq!(stored(&inner).await, kept);
    }
}

#[tokio::test]
async fn delay_lasts_until_permit() {
    for (when, kept) in [(When::Before, 0), (When::After, 1)] {
        let (faulty, inner) = faulty();
        let gate = Arc::new(Semaphore::new(0));
        faulty.at(1, when, Fault::Delay(Arc::clone(&gate)));
        let delayed = tokio::spawn({
            let faulty = Arc::clone(&faulty);
            async move { faulty.append(event(1)).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(stored(&inner).await, kept, "{when:?}");
        faulty.append(event(2)).await.expect("others go on");
        assert!(!delayed.is_finished());
        gate.add_permits(1);
        assert_eq!(
            delayed
                .await
                .expect("the task ends well")
                .expect("an append"),
            AppendResult::New
        );
        assert_eq!(stored(&inner).await, 2);
    }
}
