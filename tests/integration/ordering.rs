//! Events of one object are handled in their order, whatever ends the host; other objects wait for none of it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use hookyard_testkit::events::{Event, is_attempt};
use hookyard_testkit::guests;
use hookyard_testkit::log::Log;
use hookyard_testkit::samples;
use hookyard_testkit::site::Config;
use uuid::Uuid;

use crate::rig::Rig;

/// A source of topi SaaS's whose events are in order by what they are about.
fn in_order() -> Config {
    Config::new().plugins("settle = \"50ms\"").section("retry", "delay_first = \"50ms\"").source(
        "acme/offers",
        "provider = \"topi-saas\"\nsecrets = [{ file = \"topi-saas.secret\" }]\nordering = \"/object_id\"",
    )
}

/// An event that was sent: about which object, and the how many-th of it.
type Place = (String, usize);

/// What was sent, by key.
#[derive(Default)]
struct Sent {
    places: BTreeMap<String, Place>,
    count: BTreeMap<String, usize>,
}

impl Sent {
    /// Sends one more event about this object, in which `words` stand.
    async fn send(&mut self, rig: &Rig, object: &str, words: &str) -> Result<()> {
        let key = Uuid::new_v4().to_string();
        let mut body = samples::one("topi-saas", "offer-accepted-by-user")?.json();
        body["event_id"] = key.clone().into();
        body["object_id"] = object.into();
        body["payload"]["seller"]["seller_name"] = words.into();
        let webhook = rig.senders.sign("topi-saas", &body.to_string())?;
        let answer = rig.client.post(rig.host.address(), "/acme/offers", &webhook).await?;
        assert!(answer.is_accepted(), "{} {}", answer.status, answer.text());
        let count = self.count.entry(object.to_owned()).or_default();
        *count += 1;
        self.places.insert(key, (object.to_owned(), *count));
        Ok(())
    }

    /// The attempts that these logs tell of, in their order: which event, and what its state was then.
    fn attempts(&self, events: &[Event], logs: &[&Log]) -> Vec<(Place, String)> {
        let by_id: BTreeMap<_, _> = events.iter().map(|event| (event.id.as_str(), &self.places[&event.key])).collect();
        let lines = logs.iter().flat_map(|log| log.lines()).filter(is_attempt);
        lines.map(|line| (by_id[line.text_of("event").as_str()].clone(), line.text_of("state"))).collect()
    }
}

/// No event of an object is attempted after a later one was.
fn check_order(attempts: &[(Place, String)]) {
    let mut last = BTreeMap::<&str, usize>::new();
    for ((object, number), _) in attempts {
        let before = last.entry(object).or_insert(1);
        assert!(number >= before, "event {number} of {object} was attempted after event {before}: {attempts:?}");
        *before = *number;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_object_waits_and_others_go_on() -> Result<()> {
    let guest = guests::test("fails-until")?;
    let rig = Rig::start(in_order(), &[("acme/books", &guest)]).await?;
    let mut sent = Sent::default();
    sent.send(&rig, "stuck", "fails-until-4").await?;
    for round in 0..5 {
        sent.send(&rig, "stuck", "").await?;
        sent.send(&rig, "smooth", "").await?;
        sent.send(&rig, "bumpy", if round == 2 { "fails-until-2" } else { "" }).await?;
    }
    let events = rig.all_done(16).await?;
    let attempts = sent.attempts(&events, &[rig.host.log()]);
    assert_eq!(attempts.len(), 16 + 3 + 1, "{attempts:?}");
    check_order(&attempts);
    let at = |wanted: &dyn Fn(&Place) -> bool| attempts.iter().rposition(|(place, _)| wanted(place));
    let first_done = at(&|(object, number)| object == "stuck" && *number == 1);
    for other in ["smooth", "bumpy"] {
        assert!(at(&|(object, _)| object == other) < first_done, "{other} waited for what is stuck: {attempts:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn order_outlives_any_end_of_the_host() -> Result<()> {
    const OBJECTS: [&str; 3] = ["a", "b", "c"];
    let guest = guests::test("fails-until")?;
    let mut rig = Rig::start(in_order(), &[("acme/books", &guest)]).await?;
    let (mut sent, mut logs) = (Sent::default(), Vec::new());
    for _ in 0..3 {
        sent.send(&rig, "a", "fails-until-2").await?;
        for number in 0..30 {
            sent.send(&rig, OBJECTS[number % 3], "").await?;
        }
        let Rig { senders, host, site, .. } = rig;
        logs.push(host.kill().await?);
        rig = Rig::restarted(site, senders).await?;
    }
    let events = rig.all_done(93).await?;
    logs.push(rig.host.log().clone());
    let attempts = sent.attempts(&events, &logs.iter().collect::<Vec<_>>());
    check_order(&attempts);
    let told: BTreeSet<&Place> = attempts.iter().map(|(place, _)| place).collect();
    assert!(told.len() > 60, "a kill may cost the last lines of a log, and no more: {}", told.len());
    Ok(())
}
