//! The effects of a handled event happen exactly once, and those of a failed attempt never.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use hookyard_model::{Key, PluginRef};
use hookyard_store::{KvUsage, MessagePage, MessageSelection, MessageSummary, Outbox, Values};
use hookyard_store_sqlite::SqliteStore;
use hookyard_testkit::events::Event;
use hookyard_testkit::guests;

use crate::rig::{Rig, quick, quick_with_audit};

/// Opens the store's file directly, without the host.
struct Books(SqliteStore);

impl Books {
    fn of(rig: &Rig) -> Result<Self> {
        Ok(Self(SqliteStore::open_read_only(
            &rig.site.path("data/hookyard.db"),
        )?))
    }

    async fn value(&self, plugin: &str, bucket: &str, key: &str) -> Result<Option<String>> {
        let key = Key {
            bucket: bucket.into(),
            key: key.into(),
        };
        let found = self.0.value(&named(plugin)?, &key).await?;
        found
            .map(|found| String::from_utf8(found.value.to_vec()).context("the value is not text"))
            .transpose()
    }

    async fn keys(&self, plugin: &str, bucket: &str) -> Result<Vec<String>> {
        Ok(self.0.keys(&named(plugin)?, bucket, None, 100_000).await?)
    }

    async fn messages(&self, plugin: &str) -> Result<Vec<MessageSummary>> {
        let selection = MessageSelection {
            plugin: Some(plugin.parse()?),
            ..MessageSelection::default()
        };
        Ok(self
            .0
            .messages(MessagePage::first(selection, 100_000))
            .await?)
    }
}

fn named(plugin: &str) -> Result<PluginRef> {
    Ok(PluginRef {
        tenant: "acme".parse()?,
        name: plugin.parse()?,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn key_value_writes_of_attempt_are_bounded() -> Result<()> {
    let writer = guests::test("kv-writer")?;
    for (limit, state, keys) in [
        ("kv_writes_max = 250", "done", 250),
        ("kv_writes_max = 249", "dead", 0),
        ("kv_write_bytes_max = \"1KiB\"", "dead", 0),
    ] {
        let rig = Rig::start(
            quick().section("plugins.limits", limit),
            &[("acme/writer", &writer)],
        )
        .await?;
        rig.deliver("topper", &crate::rig::fresh_payment().1)
            .await?;
        let is_over = |events: &[Event]| {
            events.iter().any(|event| {
                event
                    .job("writer")
                    .is_some_and(|job| ["done", "dead"].contains(&&*job.state))
            })
        };
        let events = rig
            .host
            .wait_for_events("the writer's attempt to be over", is_over)
            .await?;
        let job = events[0].job("writer").context("its job")?;
        assert_eq!(job.state, state, "{limit}: {job:?}");
        assert_eq!(
            Books::of(&rig)?.keys("writer", "").await?.len(),
            keys,
            "{limit}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_count_each_event_once() -> Result<()> {
    let plugins = [
        ("acme/adds", "counter"),
        ("acme/by-hand", "counter-by-hand"),
        ("acme/swaps", "counter-by-swap"),
    ];
    let guests = plugins.map(|(plugin, guest)| guests::test(guest).map(|guest| (plugin, guest)));
    let guests: Vec<_> = guests.into_iter().collect::<Result<_>>()?;
    let plugins: Vec<_> = guests
        .iter()
        .map(|(plugin, guest)| (*plugin, guest))
        .collect();
    let rig = Rig::start(quick_with_audit(), &plugins).await?;
    let load = rig.load(8, Duration::from_millis(2));
    rig.host
        .wait_for_events("a burst of events", |events| events.len() >= 200)
        .await?;
    let sent = load.stop().await?;
    assert!(sent.refused.is_empty() && sent.unanswered == 0, "{sent:?}");
    let (_, body) = crate::rig::fresh_payment();
    for _ in 0..3 {
        rig.deliver("topper", &body).await?;
    }
    let count = sent.accepted.len() + 1;
    let events = rig.all_done(count).await?;
    assert!(
        events
            .iter()
            .flat_map(|event| &event.plugins)
            .all(|job| job.attempts == 1),
        "losing a key costs no attempt"
    );

    let books = Books::of(&rig)?;
    for plugin in ["adds", "by-hand", "swaps"] {
        let counted = books.value(plugin, "counts", "events").await?;
        assert_eq!(counted, Some(count.to_string()), "the count of {plugin}");
    }
    let keys: BTreeSet<_> = events.iter().map(|event| event.key.clone()).collect();
    assert_eq!(
        books.keys("swaps", "seen").await?,
        keys.into_iter().collect::<Vec<_>>()
    );
    let messages = books.messages("adds").await?;
    let handled: BTreeSet<_> = messages
        .iter()
        .map(|message| message.event.to_string())
        .collect();
    assert_eq!(
        handled,
        events.iter().map(|event| event.id.clone()).collect(),
        "a message for each event"
    );
    assert_eq!(messages.len(), count, "and no more");
    assert!(
        messages
            .iter()
            .all(|message| message.destination.as_str() == "audit" && message.body_bytes == 36)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_attempt_leaves_no_effects() -> Result<()> {
    let guest = guests::test("writes-then-fails")?;
    let rig = Rig::start(quick_with_audit(), &[("acme/it", &guest)]).await?;
    rig.deliver("topper", &crate::rig::fresh_payment().1)
        .await?;
    let events = rig.all_done(1).await?;
    assert_eq!(events[0].plugins[0].attempts, 3);
    let lines = rig.guest_lines(&events[0]).await?;
    let texts: Vec<_> = lines
        .iter()
        .map(hookyard_testkit::log::Line::guest_text)
        .collect();
    let expected: Vec<_> = (1..=3)
        .flat_map(|n| {
            [
                "found []".to_owned(),
                format!("count 1, wrote [\"attempt-{n}\", \"attempts\"]"),
            ]
        })
        .collect();
    assert_eq!(
        texts, expected,
        "an attempt sees its own writes, and no writes of failed attempts"
    );

    let books = Books::of(&rig)?;
    assert_eq!(books.keys("it", "work").await?, ["attempt-3", "attempts"]);
    assert_eq!(
        books.value("it", "work", "attempts").await?.as_deref(),
        Some("1")
    );
    let messages = books.messages("it").await?;
    assert_eq!(messages.len(), 1, "{messages:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn key_value_quota_is_enforced() -> Result<()> {
    let hoarder = guests::test("hoarder")?;
    let limits = "[limits]\nkv_keys_max = 2\n";
    let prepare = |site: &mut hookyard_testkit::site::Site| {
        site.write("plugins/acme/it.toml", limits).map(drop)
    };
    let rig = Rig::prepared(quick(), &[("acme/it", &hoarder)], prepare).await?;
    for _ in 0..2 {
        rig.deliver("topper", &crate::rig::fresh_payment().1)
            .await?;
    }
    rig.all_done(2).await?;
    rig.deliver("topper", &crate::rig::fresh_payment().1)
        .await?;
    let is_dead = |events: &[hookyard_testkit::events::Event]| {
        events
            .iter()
            .any(|event| event.job("it").is_some_and(|job| job.state == "dead"))
    };
    let events = rig
        .host
        .wait_for_events("one event too many to be given up", is_dead)
        .await?;
    let dead = events
        .iter()
        .filter_map(|event| event.job("it"))
        .find(|job| job.state == "dead")
        .context("as awaited")?;
    let outcome = dead.last_outcome.clone().unwrap_or_default();
    assert_eq!(outcome, "exceeded: used up kv_keys_max of 2");
    assert_eq!(
        dead.attempts, 3,
        "the usage may shrink, so the job is retried"
    );
    let books = Books::of(&rig)?;
    let usage: KvUsage = books.0.usage(&named("it")?).await?;
    assert_eq!((usage.keys, books.keys("it", "").await?.len()), (2, 2));
    Ok(())
}
