//! Which plugin receives which events: by tenant, by the plugin's settings, and with custom
//! providers.

use anyhow::{Context, Result};
use hookyard_testkit::events::{Event, is_activation};
use hookyard_testkit::guests;
use hookyard_testkit::http::Webhook;
use hookyard_testkit::samples;
use hookyard_testkit::sign;

use crate::rig::{Rig, fresh_payment, quick};

/// Returns the plugins that have a job for an event, by name.
fn takers(event: &Event) -> Vec<&str> {
    event
        .plugins
        .iter()
        .map(|job| job.plugin.as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_only_their_tenants_plugins() -> Result<()> {
    let (echo, books) = (guests::test("version-a")?, guests::reference("topper")?);
    let rig = Rig::start(
        quick(),
        &[
            ("acme/books", &books),
            ("other/spy", &echo),
            ("acme/all", &echo),
        ],
    )
    .await?;
    rig.deliver("topper", &fresh_payment().1).await?;
    rig.deliver("topi", &samples::one("topi", "order-created")?.body)
        .await?;
    let events = rig.all_done(2).await?;
    assert_eq!(takers(&events[0]), ["all", "books"]);
    assert_eq!(
        takers(&events[1]),
        ["all"],
        "a typed handler receives only events of its own provider"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_file_restricts_sources() -> Result<()> {
    let echo = guests::test("version-a")?;
    let beside = "plugins/acme/all.toml";
    let plugins = [("acme/all", &echo)];
    let rig = Rig::prepared(quick(), &plugins, |site| {
        site.write(beside, "sources = [\"payments\"]").map(drop)
    })
    .await?;
    let order = samples::one("topi", "order-created")?.body;
    rig.deliver("topi", &order).await?;
    rig.deliver("topper", &fresh_payment().1).await?;
    let one_done = |events: &[Event]| events.iter().any(|event| event.is_done_by("all"));
    let events = rig
        .host
        .wait_for_events("the payment to be handled", one_done)
        .await?;
    assert!(takers(&events[0]).is_empty(), "{:?}", events[0]);

    let mark = rig.host.log().mark();
    rig.site.write(beside, "sources = [\"orders\"]\n")?;
    let again =
        |line: &hookyard_testkit::log::Line| is_activation(line, "acme/all", &echo.revision());
    rig.host
        .wait_for_log_since(mark, "the plugin to be routed anew", again)
        .await?;
    rig.all_done(2).await?;
    let (_, payment) = fresh_payment();
    rig.deliver("topper", &payment).await?;
    rig.deliver("topi", &order).await?;
    let four = |events: &[Event]| events.len() == 4 && events[3].is_done_by("all");
    let events = rig
        .host
        .wait_for_events("the order to be handled", four)
        .await?;
    assert!(takers(&events[2]).is_empty(), "{:?}", events[2]);
    Ok(())
}

const FORGE: &str = r#"
name = "forge"
package = "forge:webhooks"
key = { header = "X-Forge-Delivery" }
type = { header = "X-Forge-Event" }
[scheme]
default = "hmac"
[scheme.hmac]
hash = "sha256"
encoding = "hex"
signature = { header = "X-Forge-Signature-256", after = "sha256=" }
signed = "{body}"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn custom_provider_is_a_folder() -> Result<()> {
    let echo = guests::test("untyped-echo")?;
    let secret = "It's a Secret to Everybody";
    let config = quick()
        .section("providers", "folder = \"providers\"")
        .source(
            "acme/forge",
            "provider = \"forge\"\nsecrets = [{ file = \"forge.secret\" }]",
        );
    let plugins = [("acme/it", &echo)];
    let rig = Rig::prepared(config, &plugins, |site| {
        site.write("forge.secret", secret)?;
        site.write("providers/forge/provider.toml", FORGE).map(drop)
    });
    let rig = rig.await?;
    let body = "{\"action\":\"opened\"}";
    let signature = format!(
        "sha256={}",
        sign::hmac_sha256_hex(secret.as_bytes(), body.as_bytes())
    );
    let webhook = Webhook::json(body)
        .and("X-Forge-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
        .and("X-Forge-Event", "issues")
        .and("X-Forge-Signature-256", &signature);
    let post = async |webhook: Webhook| {
        rig.client
            .post(rig.host.address(), "/acme/forge", &webhook)
            .await
    };
    assert_eq!(post(webhook.clone()).await?.status, 200);
    assert_eq!(
        post(webhook.with_body("{\"action\":\"closed\"}"))
            .await?
            .status,
        401
    );
    let events = rig.all_done(1).await?;
    let event = events.first().context("one event")?;
    assert_eq!(
        (event.provider.as_str(), event.kind.as_deref()),
        ("forge", Some("issues"))
    );
    assert_eq!(event.key, "72d3162e-cc78-11e3-81ab-4c9367dc0958");
    Ok(())
}
