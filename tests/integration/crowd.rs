//! A tenant with more files than `plugins.tenant_count_max`: active plugins of all tenants stay
//! active.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use hookyard_testkit::events::{Event, is_activation, is_rejection, is_removal};
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::host::run_with;
use hookyard_testkit::log::Line;
use hookyard_testkit::site::Site;
use serde_json::Value;

use crate::rig::{Rig, fresh_payment, quick, stdout_of};

const PLUGIN: &str = "acme/orders";

fn garbage() -> Guest {
    Guest::from(b"no component".to_vec())
}

/// Returns the state of each plugin in `plugins list`, and the reason if its file is not active.
async fn listed(site: &Site) -> Result<BTreeMap<String, (String, String)>> {
    let text = stdout_of(site, &["plugins", "list", "--json"]).await?;
    let lines = text.lines().map(serde_json::from_str::<Value>);
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let plugin = |line: Value| {
        let name = format!("{}/{}", text(&line, "tenant"), text(&line, "plugin"));
        (name, (text(&line, "state"), text(&line, "mismatch")))
    };
    Ok(lines
        .map(|line| line.map(plugin))
        .collect::<Result<_, _>>()?)
}

fn is_over(line: &Line, tenant: &str) -> bool {
    line.message()
        .starts_with(&format!("plugins of {tenant} are not loaded: "))
}

#[tokio::test(flavor = "multi_thread")]
async fn files_beyond_plugin_limit_are_reported() -> Result<()> {
    let (orders, later) = (guests::test("version-a")?, guests::test("version-b")?);
    let rig = Rig::start(
        quick().plugins("tenant_count_max = 4"),
        &[(PLUGIN, &orders)],
    )
    .await?;
    for number in 0..30 {
        rig.site
            .install(&format!("mallory/junk-{number:02}"), &garbage())?;
        // Their names sort before the active plugin.
        rig.site
            .install(&format!("acme/a-{number:02}"), &garbage())?;
    }
    for tenant in ["acme", "mallory"] {
        let is_counted = |line: &Line| is_over(line, tenant) && line.message().contains(" more; ");
        let line = rig
            .host
            .wait_for_log("a line about the tenant", is_counted)
            .await?;
        assert!(
            line.message().contains("a tenant may have 4 plugins"),
            "{}",
            line.text
        );
        assert!(line.message().len() < 250, "{}", line.text);
    }
    rig.handles_one_more(&["orders"]).await?;

    rig.site.install("acme/later", &later)?;
    let waits = |line: &Line| is_over(line, "acme") && line.message().contains(" and 25 more; ");
    rig.host
        .wait_for_log("the second plugin to be refused", waits)
        .await?;
    let all = listed(&rig.site).await?;
    assert_eq!(all[PLUGIN], ("active".to_owned(), String::new()));
    let (state, why) = &all["acme/later"];
    assert!(
        state == "refused" && why.contains("plugins.tenant_count_max"),
        "{state}: {why}"
    );
    assert_eq!(all.len(), 62);
    let config = rig.site.config().to_string_lossy().into_owned();
    let checked = run_with(&["check", "--config", &config], rig.site.environment()).await?;
    assert_eq!(checked.code, Some(1));
    assert!(
        checked
            .stdout
            .contains("BAD   plugins of acme are not loaded: "),
        "{}",
        checked.stdout
    );
    assert!(
        checked.stdout.contains("ok    plugin acme/orders"),
        "{}",
        checked.stdout
    );

    // The next host also goes by the previously active plugins.
    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    let (_, log) = host.terminate().await?;
    assert!(
        !log.lines().iter().any(|line| is_removal(line, PLUGIN)),
        "{}",
        log.tail(20)
    );
    let rig = Rig::restarted(site, senders).await?;
    rig.host
        .wait_for_revision(PLUGIN, &orders.revision())
        .await?;
    rig.handles_one_more(&["orders"]).await?;

    // The host notices a removal, which makes room.
    for number in 0..30 {
        rig.site.uninstall(&format!("acme/a-{number:02}"))?;
    }
    rig.host
        .wait_for_revision("acme/later", &later.revision())
        .await?;
    rig.handles_one_more(&["later"]).await?;
    rig.site.uninstall(PLUGIN)?;
    rig.host
        .wait_for_log("the removal", |line| is_removal(line, PLUGIN))
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn crowded_folder_hides_no_active_plugin() -> Result<()> {
    let (orders, next) = (guests::test("version-a")?, guests::test("version-b")?);
    let rig = Rig::start(quick(), &[(PLUGIN, &orders)]).await?;
    let folder = rig
        .site
        .plugin_file(PLUGIN)
        .parent()
        .context("a folder")?
        .to_owned();
    for number in 0..10_100 {
        std::fs::write(folder.join(format!("{number:05}.txt")), "")?;
    }
    let is_cut = |line: &Line| line.message().contains("acme has more than 10000 entries");
    rig.host
        .wait_for_log("a line about the folder", is_cut)
        .await?;
    rig.handles_one_more(&["orders"]).await?;
    rig.site.install(PLUGIN, &next)?;
    rig.host.wait_for_revision(PLUGIN, &next.revision()).await?;
    rig.site.uninstall(PLUGIN)?;
    rig.host
        .wait_for_log("the removal", |line| is_removal(line, PLUGIN))
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn lowered_plugin_limit_loses_no_event() -> Result<()> {
    const NAMES: [&str; 5] = ["one", "two", "three", "four", "five"];
    let orders = guests::test("version-a")?;
    let plugins = NAMES.map(|name| (format!("acme/{name}"), orders.tagged(name)));
    let named = plugins
        .each_ref()
        .map(|(plugin, guest)| (plugin.as_str(), guest));
    let mut rig = Rig::start(quick().plugins("tenant_count_max = 5"), &named).await?;
    let config = std::fs::read_to_string(rig.site.config())?;
    rig.site.write(
        "hookyard.toml",
        config.replace("tenant_count_max = 5", "tenant_count_max = 2"),
    )?;

    // Each host keeps what the previous host kept.
    let mut keys = Vec::new();
    for _ in 0..2 {
        let Rig {
            senders,
            host,
            site,
            ..
        } = rig;
        host.terminate().await?;
        rig = Rig::restarted(site, senders).await?;
        let is_reported = |line: &Line| {
            is_over(line, "acme") && line.message().contains("a tenant may have 2 plugins")
        };
        rig.host
            .wait_for_log("a line about the tenant", is_reported)
            .await?;
        rig.host
            .wait_for_log("the plugins", |line| line.message() == "plugins ready")
            .await?;

        let (key, body) = fresh_payment();
        rig.deliver("topper", &body).await?;
        let done = |event: &Event| NAMES.iter().filter(|name| event.is_done_by(name)).count();
        let is_shared_out =
            |event: &Event| event.key == key && event.plugins.len() == 5 && done(event) == 2;
        let events = rig
            .host
            .wait_for_events("two of five jobs to be done", |events| {
                events.iter().any(is_shared_out)
            });
        events.await?;
        let all = listed(&rig.site).await?;
        let is_left_out = |(state, why): &&(String, String)| {
            state == "refused"
                && why.starts_with("its file is not loaded")
                && why.contains("plugins.tenant_count_max")
        };
        assert_eq!(all.values().filter(is_left_out).count(), 3, "{all:?}");
        assert_eq!(
            all.values()
                .filter(|(state, why)| state == "active" && why.is_empty())
                .count(),
            2,
            "{all:?}"
        );
        keys.push(key);
    }

    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.terminate().await?;
    site.write("hookyard.toml", config)?;
    let rig = Rig::restarted(site, senders).await?;
    let is_done = |event: &Event| {
        keys.contains(&event.key) && NAMES.iter().all(|name| event.is_done_by(name))
    };
    let all_done =
        |events: &[Event]| events.iter().filter(|event| is_done(event)).count() == keys.len();
    rig.host
        .wait_for_events("all five to handle what waited", all_done)
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_refusals_delay_no_other_tenant() -> Result<()> {
    let (orders, next) = (guests::test("version-a")?, guests::test("version-b")?);
    let rig = Rig::start(quick(), &[(PLUGIN, &next)]).await?;
    rig.site.install(PLUGIN, &orders)?;
    rig.host
        .wait_for_revision(PLUGIN, &orders.revision())
        .await?;
    for number in 0..1000 {
        rig.site.write(
            &format!("aside/junk-{number:04}.wasm"),
            format!("no component {number}"),
        )?;
    }
    std::fs::rename(rig.site.path("aside"), rig.site.path("plugins/mallory"))?;

    // Now all refusals wait to be reported.
    let is_fiftieth = |line: &Line| is_rejection(line, "mallory/junk-0049");
    rig.host
        .wait_for_log("some of the refusals", is_fiftieth)
        .await?;
    let mark = rig.host.log().mark();
    // This component was active before, so it is not compiled again.
    rig.site.install(PLUGIN, &next)?;
    let is_active = |line: &Line| is_activation(line, PLUGIN, &next.revision());
    rig.host
        .wait_for_log_since(mark, "the next build", is_active)
        .await?;

    let lines = rig.host.lines().await?;
    let released = lines
        .iter()
        .rposition(|line| is_activation(line, PLUGIN, &next.revision()))
        .context("a line")?;
    let refusals = lines[..released]
        .iter()
        .filter(|line| line.message() == "plugin refused")
        .count();
    assert!(
        refusals < 500,
        "{refusals} refusals of another tenant came before the release"
    );
    Ok(())
}
