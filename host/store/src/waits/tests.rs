use std::time::Duration;

use hookyard_model::{Payload, SourceRef, Timestamp};

use super::*;

fn event(number: u128) -> Event {
    Event {
        id: EventId::from_uuid(uuid::Uuid::from_u128(number)),
        source: SourceRef {
            tenant: "acme".parse().expect("a name"),
            name: "orders".parse().expect("a name"),
        },
        provider: "topi".into(),
        event_type: None,
        key: String::new(),
        key_window: Duration::ZERO,
        received_at: Timestamp::from_unix_millis(0),
        headers: Vec::new(),
        body: Default::default(),
        payload: Payload::Body,
        ordering_key: None,
    }
}

fn plugin(name: &str) -> PluginName {
    name.parse().expect("a name")
}

fn any_response() -> Wanted {
    Wanted::Response { of: None }
}

fn response(status: u16) -> Response {
    Response {
        status,
        headers: Vec::new(),
        body: Default::default(),
    }
}

#[tokio::test]
async fn end_before_the_first_look_is_not_missed() {
    let waits = Arc::new(Waits::new(1));
    let wait = waits.begin(&event(1), any_response()).expect("a wait");

    let end = JobEnd::Done(Some(response(204)));
    waits.report(event(1).id, &plugin("ship"), end.clone());
    waits.report(event(2).id, &plugin("ship"), JobEnd::Dead);

    wait.changed().await;
    let ends = BTreeMap::from([(plugin("ship"), end)]);
    assert_eq!(wait.reports().ends, ends);
}

#[test]
fn waits_are_bounded_and_end_with_their_request() {
    let waits = Arc::new(Waits::new(1));
    let wait = waits.begin(&event(1), any_response()).expect("a wait");
    let refused = waits.begin(&event(2), any_response());
    assert_eq!(refused.expect_err("full"), NoWait::Full);

    drop(wait);
    assert!(waits.begin(&event(2), any_response()).is_ok());
    assert!(waits.state().waiting.is_empty());
}

#[test]
fn first_response_counts() {
    let waits = Arc::new(Waits::new(1));
    let (ship, audit) = (plugin("ship"), plugin("audit"));
    let id = event(1).id;
    assert_eq!(waits.let_count(id, &ship), Err(Uncounted::Late));

    let _wait = waits.begin(&event(1), any_response()).expect("a wait");
    assert_eq!(waits.let_count(id, &ship), Ok(()));
    assert_eq!(waits.let_count(id, &ship), Ok(()), "it runs again");
    assert_eq!(waits.let_count(id, &audit), Err(Uncounted::Second));
}

#[test]
fn only_the_named_plugin_responds() {
    let waits = Arc::new(Waits::new(2));
    let (ship, audit) = (plugin("ship"), plugin("audit"));
    let of = Some(audit.clone());
    let _wait = waits.begin(&event(1), Wanted::Response { of });
    let _other = waits.begin(&event(2), Wanted::Outcomes);

    assert_eq!(waits.let_count(event(1).id, &ship), Err(Uncounted::Second));
    assert_eq!(waits.let_count(event(1).id, &audit), Ok(()));
    assert_eq!(waits.let_count(event(2).id, &audit), Err(Uncounted::Late));
}

#[test]
fn held_plugin_ends_its_jobs_but_no_ended_one() {
    let waits = Arc::new(Waits::new(2));
    let (first, second) = (event(1), event(2));
    let one = waits.begin(&first, Wanted::Outcomes).expect("a wait");
    let other = waits.begin(&second, Wanted::Outcomes).expect("a wait");
    let ship = plugin("ship");
    waits.report(first.id, &ship, JobEnd::Done(None));

    for (tenant, held) in [("umbrella", false), ("acme", true)] {
        waits.report_held(&PluginRef {
            tenant: tenant.parse().expect("a name"),
            name: ship.clone(),
        });
        assert_eq!(other.reports().ends.len(), usize::from(held), "{tenant}");
    }
    assert_eq!(one.reports().ends[&ship], JobEnd::Done(None));
    assert_eq!(other.reports().ends[&ship], JobEnd::NotRun);
}

#[tokio::test]
async fn close_ends_all_waits() {
    let waits = Arc::new(Waits::new(2));
    let wait = waits.begin(&event(1), Wanted::Outcomes).expect("a wait");

    waits.close();

    wait.changed().await;
    assert!(wait.reports().is_closed);
    let refused = waits.begin(&event(2), Wanted::Outcomes);
    assert_eq!(refused.expect_err("closed"), NoWait::Closed);
}
