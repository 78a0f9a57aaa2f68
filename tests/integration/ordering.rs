//! Events of one object are handled in their order, whatever ends the host. Other objects do not
//! wait.

use hookyard_store::Events;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use hookyard_store_sqlite::SqliteStore;
use hookyard_testkit::events::Event;
use hookyard_testkit::guests;
use hookyard_testkit::samples;
use hookyard_testkit::site::Config;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::rig::{Rig, stdout_of};

/// A source of topi SaaS whose events are ordered by their object.
fn in_order(delay_first: &str) -> Config {
    let retry = format!("delay_first = {delay_first:?}");
    Config::new().plugins("settle = \"50ms\"").section("retry", &retry).source(
        "acme/offers",
        "provider = \"topi-saas\"\nsecrets = [{ file = \"topi-saas.secret\" }]\nordering = \"/object_id\"",
    )
}

/// A sent event: its object, and its number within the object.
type Place = (String, usize);

/// The sent events by key.
#[derive(Default)]
struct Sent {
    places: BTreeMap<String, Place>,
    count: BTreeMap<String, usize>,
}

impl Sent {
    /// Sends another event about this object. Its body contains `words`.
    async fn send(&mut self, rig: &Rig, object: &str, words: &str) -> Result<()> {
        let key = Uuid::new_v4().to_string();
        let mut body = samples::one("topi-saas", "offer-accepted-by-user")?.json();
        body["event_id"] = key.clone().into();
        body["object_id"] = object.into();
        body["payload"]["seller"]["seller_name"] = words.into();
        let webhook = rig.senders.sign("topi-saas", &body.to_string())?;
        let answer = rig
            .client
            .post(rig.host.address(), "/acme/offers", &webhook)
            .await?;
        assert!(answer.is_accepted(), "{} {}", answer.status, answer.text());
        let count = self.count.entry(object.to_owned()).or_default();
        *count += 1;
        self.places.insert(key, (object.to_owned(), *count));
        Ok(())
    }

    /// Returns the recorded attempts in the order in which they began. The order in the log can
    /// differ, because the next attempt can begin before the line of the last one is written.
    async fn attempts(&self, rig: &Rig, events: &[Event]) -> Result<Vec<Place>> {
        let books = SqliteStore::open_read_only(&rig.site.path("data/hookyard.db"))?;
        let mut began = Vec::new();
        for event in events {
            let record = books
                .read(event.id.parse()?)
                .await?
                .context("a listed event is there")?;
            let attempts = record.jobs.iter().flat_map(|job| &job.attempts);
            began.extend(
                attempts.map(|(_, attempt)| (attempt.started_at, self.places[&event.key].clone())),
            );
        }
        began.sort();
        Ok(began.into_iter().map(|(_, place)| place).collect())
    }
}

/// Asserts that no event of an object is attempted after a later one.
fn check_order(attempts: &[Place]) {
    let mut last = BTreeMap::<&str, usize>::new();
    for (object, number) in attempts {
        let before = last.entry(object).or_insert(1);
        assert!(
            number >= before,
            "event {number} of {object} was attempted after event {before}: {attempts:?}"
        );
        *before = *number;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_ordering_key_delays_only_itself() -> Result<()> {
    let guest = guests::test("fails-until")?;
    let rig = Rig::start(in_order("50ms"), &[("acme/books", &guest)]).await?;
    let mut sent = Sent::default();
    sent.send(&rig, "stuck", "fails-until-4").await?;
    for round in 0..5 {
        sent.send(&rig, "stuck", "").await?;
        sent.send(&rig, "smooth", "").await?;
        sent.send(&rig, "bumpy", if round == 2 { "fails-until-2" } else { "" })
            .await?;
    }
    let events = rig.all_done(16).await?;
    let attempts = sent.attempts(&rig, &events).await?;
    assert_eq!(attempts.len(), 16 + 3 + 1, "{attempts:?}");
    check_order(&attempts);
    let at = |wanted: &dyn Fn(&Place) -> bool| attempts.iter().rposition(wanted);
    let first_done = at(&|(object, number)| object == "stuck" && *number == 1);
    for other in ["smooth", "bumpy"] {
        assert!(
            at(&|(object, _)| object == other) < first_done,
            "{other} waited for what is stuck: {attempts:?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn blocked_event_names_the_event_ahead() -> Result<()> {
    let rig = Rig::start(
        in_order("1h"),
        &[("acme/books", &guests::test("fails-until")?)],
    )
    .await?;
    let mut sent = Sent::default();
    sent.send(&rig, "stuck", "fails-until-4").await?;
    let first = rig.host.wait_for_events("the first to fail", |events| {
        events
            .first()
            .and_then(|event| event.job("books"))
            .is_some_and(|job| job.state == "waiting")
    });
    let first = first.await?.remove(0);
    sent.send(&rig, "stuck", "").await?;

    let listed = stdout_of(&rig.site, &["events", "list", "--json"]).await?;
    let lines = listed
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<Vec<Value>, _>>()?;
    let job = |id: &str| {
        lines
            .iter()
            .find(|line| line["id"] == id)
            .map(|line| line["plugins"][0].clone())
    };
    let second = lines
        .iter()
        .filter_map(|line| line["id"].as_str())
        .find(|id| *id != first.id)
        .context("two events")?;
    let (ahead, job) = (
        job(&first.id).context("the event is not listed")?,
        job(second).context("the event is not listed")?,
    );
    assert!(
        ahead["until"].is_string() && ahead["behind"].is_null(),
        "{ahead}"
    );
    let expected = json!({"id": first.id, "state": "waiting", "until": ahead["until"]});
    assert_eq!(
        (&job["state"], &job["behind"]),
        (&"pending".into(), &expected)
    );

    let until = ahead["until"].as_str().unwrap_or_default();
    let standing = format!(
        "books: pending behind {}, which is waiting until {until}\n",
        first.id
    );
    let shown = stdout_of(&rig.site, &["events", "show", second]).await?;
    assert!(shown.contains(&standing), "{shown}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn event_order_survives_restart() -> Result<()> {
    const OBJECTS: [&str; 3] = ["a", "b", "c"];
    let guest = guests::test("fails-until")?;
    let mut rig = Rig::start(in_order("50ms"), &[("acme/books", &guest)]).await?;
    let mut sent = Sent::default();
    for _ in 0..3 {
        sent.send(&rig, "a", "fails-until-2").await?;
        for number in 0..30 {
            sent.send(&rig, OBJECTS[number % 3], "").await?;
        }
        let Rig {
            senders,
            host,
            site,
            ..
        } = rig;
        host.kill().await?;
        rig = Rig::restarted(site, senders).await?;
    }
    let events = rig.all_done(93).await?;
    let attempts = sent.attempts(&rig, &events).await?;
    check_order(&attempts);
    assert_eq!(attempts.iter().collect::<BTreeSet<_>>().len(), 93);
    Ok(())
}
