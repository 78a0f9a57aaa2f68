//! Core modules in the plugin folder: they become components when they are loaded, and everything
//! that works with components works with them.

use std::time::Duration;

use anyhow::{Context, Result};
use hookyard_hostile::{MODULE_SAYS, deep_types, good, good_module, repeated_types};
use hookyard_testkit::events::{Event, is_rejection};
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::site::Site;
use serde_json::{Value, json};

use crate::rig::{Rig, fresh_payment, hookyard, quick, quick_with_audit, stdout_of};

const PLUGIN: &str = "acme/books";

/// Sends an event and returns its lines in the plugin's log, and the revision that handled it.
async fn handle(rig: &Rig) -> Result<(Vec<String>, String)> {
    let (id, body) = fresh_payment();
    rig.deliver("topper", &body).await?;
    let is_done = |event: &Event| event.key == id && event.is_done_by("books");
    let events = rig
        .host
        .wait_for_events("the event to be handled", |events| {
            events.iter().any(is_done)
        })
        .await?;
    let event = events
        .iter()
        .find(|event| is_done(event))
        .context("the event")?;

    let lines = rig.guest_lines(event).await?;
    let lines = lines.iter().map(|line| line.message().to_owned()).collect();
    let job = event.job("books").context("the job")?;
    Ok((lines, job.revision.clone().unwrap_or_default()))
}

async fn shown(site: &Site) -> Result<Value> {
    let text = stdout_of(site, &["plugins", "show", PLUGIN, "--json"]).await?;
    Ok(serde_json::from_str(&text)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_core_module_lives_like_a_component() -> Result<()> {
    let one = Guest::from(good_module());
    let two = one.tagged("two");
    let rig = Rig::start(quick(), &[(PLUGIN, &one)]).await?;
    let handled = || handle(&rig);
    let said = vec![MODULE_SAYS.to_owned()];
    assert_eq!(handled().await?, (said.clone(), one.revision()));

    rig.site.install(PLUGIN, &two)?;
    rig.host.wait_for_revision(PLUGIN, &two.revision()).await?;
    assert_eq!(handled().await?, (said.clone(), two.revision()));

    stdout_of(&rig.site, &["plugins", "rollback", PLUGIN]).await?;
    assert_eq!(handled().await?, (said.clone(), one.revision()));

    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.terminate().await?;
    let rig = Rig::restarted(site, senders).await?;
    assert_eq!(handle(&rig).await?, (said, one.revision()));
    let compiled = rig.host.lines().await?;
    let compiled = compiled
        .iter()
        .filter(|line| line.message().starts_with("compiling"));
    assert_eq!(compiled.count(), 0, "the code of a core module is cached");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn core_module_is_checked_and_rehearsed() -> Result<()> {
    let fixtures = json!([{
        "name": "says so",
        "event": { "provider": "topper", "body": { "id": "one", "name": "user:created" } },
        "expect": { "outcome": "done", "log": [MODULE_SAYS] }
    }]);
    let fixtures = fixtures.to_string();
    let good = Guest::from(good_module()).with_section("hookyard:fixtures", fixtures.as_bytes());
    let rig = Rig::start(
        quick_with_audit().section("rehearsal", "policy = \"require\""),
        &[(PLUGIN, &good)],
    )
    .await?;
    let report = shown(&rig.site).await?.to_string();
    assert!(report.contains("ok    says so"), "{report}");

    let checked = stdout_of(&rig.site, &["check"]).await?;
    let is_ok =
        |line: &str| line.starts_with("ok    plugin acme/books") && line.contains("untyped");
    assert!(checked.lines().any(is_ok), "{checked}");

    let file = rig
        .site
        .write("new/books.wasm", good.tagged("new").bytes())?;
    let file = file.to_string_lossy();
    let rehearsed = stdout_of(&rig.site, &["rehearse", &file, "--tenant", "acme"]).await?;
    assert!(rehearsed.contains("ok    says so"), "{rehearsed}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_of_the_tools_is_noted_once() -> Result<()> {
    // Names Go's compiler in a field of tools.
    let go = Guest::from(good()).with_section("producers", b"\x01\x0cprocessed-by\x01\x02Go\x011");
    let rig = Rig::start(quick(), &[(PLUGIN, &go)]).await?;
    for _ in 0..3 {
        rig.handles_one_more(&["books"]).await?;
    }
    let lines = rig.host.lines().await?;
    let warnings = lines.iter().filter(|line| {
        line.level() == "WARN"
            && line.text_of("plugin") == PLUGIN
            && line.text.contains("collector")
    });
    assert_eq!(warnings.count(), 1);

    let checked = stdout_of(&rig.site, &["check"]).await?;
    let is_noted = |line: &str| line.starts_with("note  plugin acme/books: Go's garbage collector");
    assert!(checked.lines().any(is_noted), "{checked}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_core_module_stops_only_its_own_release() -> Result<()> {
    let books = guests::reference("topper")?;
    let config = quick().section(
        "plugins.compile",
        "cpu_max = \"1s\"\nwall_max = \"30m\"\nmemory_max = \"512MiB\"",
    );
    let rig = Rig::start(config, &[]).await?;
    for (plugin, module, says) in [
        ("mallory/types", repeated_types(60_000), "[plugins.compile]"),
        ("mallory/deep", deep_types(500_000), "overflowed its stack"),
    ] {
        rig.site.install(plugin, &Guest::from(module))?;
        let refusal = rig
            .host
            .wait_for_log("a line about the module", |line| is_rejection(line, plugin))
            .await?;
        let text = &refusal.text;
        assert!(text.contains(says) && text.lines().count() == 1, "{text}");
    }

    let began = std::time::Instant::now();
    let checked = hookyard(&rig.site, &["check"]).await?;
    let output = format!("{}{}", checked.stdout, checked.stderr);
    for plugin in ["mallory/types", "mallory/deep"] {
        let refused = format!("BAD   plugin {plugin}");
        assert!(output.contains(&refused), "{output}");
    }
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "the verdict is remembered"
    );
    rig.site.install(PLUGIN, &books)?;
    rig.host
        .wait_for_revision(PLUGIN, &books.revision())
        .await?;
    rig.handles_one_more(&["books"]).await
}
