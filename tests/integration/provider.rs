//! `hookyard provider import`: from a sender's description to a plugin that handles its events, and
//! what the sender's next description means for this plugin.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use hookyard_testkit::guests::Guest;
use hookyard_testkit::host::binary;
use hookyard_testkit::http::Webhook;
use hookyard_testkit::log::Line;
use hookyard_testkit::workspace;
use serde_json::Value;

use crate::rig::{Rig, quick};

/// A description of a shop's webhooks, as OpenAPI 3.1.
const SHOP: &str = r##"
openapi: 3.1.0
info: { title: Shop, version: "2025-01" }
webhooks:
  order.paid:
    post:
      requestBody:
        content:
          application/json:
            schema: { $ref: "#/components/schemas/OrderPaid" }
components:
  schemas:
    OrderPaid:
      type: object
      description: A buyer has paid an order.
      required: [id, type, order]
      properties:
        id: { type: string, format: uuid }
        type: { const: order.paid }
        order: { $ref: "#/components/schemas/Order" }
    Order:
      type: object
      required: [number, lines]
      properties:
        number: { type: string }
        "latestCard.bin": { type: string }
        note: { type: string }
        lines:
          type: array
          items:
            type: object
            required: [quantity]
            properties: { quantity: { type: integer, format: int32 } }
"##;

/// The result of a command.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs a command of the binary in a folder.
fn hookyard(folder: &Path, arguments: &str) -> Result<Ended> {
    let output = Command::new(binary()?)
        .current_dir(folder)
        .env_remove("HOOKYARD_CONFIG")
        .env(
            "CARGO_TARGET_DIR",
            workspace::target_folder()?.join("guests/authors"),
        )
        .args(arguments.split(' '))
        .stdin(Stdio::null())
        .output()?;
    Ok(Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

/// Runs a command that must succeed.
fn must(folder: &Path, arguments: &str) -> Result<String> {
    let ended = hookyard(folder, arguments)?;
    assert_eq!(ended.code, Some(0), "{arguments}: {ended:?}");
    Ok(ended.stdout)
}

/// Replaces texts in a file. Each text must be there.
fn edit(path: &Path, changes: &[(&str, &str)]) -> Result<()> {
    let mut text = fs::read_to_string(path)?;
    for (from, to) in changes {
        assert!(text.contains(from), "`{from}` is not in {text}");
        text = text.replace(from, to);
    }
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

/// Imports the shop, and completes its `provider.toml`.
fn import(folder: &Path) -> Result<()> {
    fs::write(folder.join("shop.yaml"), SHOP)?;
    fs::write(
        folder.join("hookyard.toml"),
        "[providers]\nfolder = \"providers\"\n",
    )?;
    must(
        folder,
        "provider import shop.yaml --into providers/shop --write",
    )?;
    edit(
        &folder.join("providers/shop/provider.toml"),
        &[
            ("# key = \"{json:/id}\"", "key = \"{json:/id}\""),
            ("# default = \"standard-webhooks\"", "default = \"bearer\""),
            (
                "# allowed = [\"standard-webhooks\"]",
                "allowed = [\"bearer\"]",
            ),
        ],
    )
}

/// Makes and builds a plugin for the imported provider, which logs what it decoded.
fn build(folder: &Path) -> Result<Guest> {
    must(folder, "new orders --provider shop --lang rust")?;
    edit(
        &folder.join("orders/src/lib.rs"),
        &[(
            "Event::OrderPaid(_) => \"order-paid\",",
            "Event::OrderPaid(paid) => {
                let order = paid.order;
                log::info!(\"card {:?}, {} of a line\", order.latest_card_bin, order.lines[0].quantity);
                \"order-paid\"
            }",
        )],
    )?;
    must(&folder.join("orders"), "build")?;
    Ok(Guest::from(fs::read(
        folder.join("orders/build/orders.wasm"),
    )?))
}

/// Starts a host with the imported provider and the plugin.
async fn host_with(folder: &Path, plugin: &Guest) -> Result<Rig> {
    let provider = fs::read(folder.join("providers/shop/provider.toml"))?;
    let config = quick()
        .section("providers", "folder = \"providers\"")
        .source(
            "acme/shop",
            "provider = \"shop\"\nsecrets = [{ file = \"shop.secret\" }]",
        );
    Rig::prepared(config, &[("acme/orders", plugin)], |site| {
        site.write("shop.secret", "opensesame-opensesame-opensesame")?;
        site.write("providers/shop/provider.toml", provider)
            .map(drop)
    })
    .await
}

impl Rig {
    /// Sends an order to the plugin, and returns the outcome of the attempt and the lines.
    async fn order(&self, id: &str, order: &str) -> Result<(String, Vec<String>)> {
        let body = format!(r#"{{"id":"{id}","type":"order.paid","order":{order}}}"#);
        let webhook =
            Webhook::json(body).and("Authorization", "Bearer opensesame-opensesame-opensesame");
        let answer = self
            .client
            .post(self.host.address(), "/acme/shop", &webhook)
            .await?;
        assert!(answer.is_accepted(), "{} {}", answer.status, answer.text());

        let job = |event: &hookyard_testkit::events::Event| {
            event
                .job("orders")
                .and_then(|job| job.last_outcome.clone())
                .filter(|_| event.key == id)
        };
        let events = self
            .host
            .wait_for_events("the order", |events| {
                events.iter().any(|event| job(event).is_some())
            })
            .await?;
        let event = events
            .iter()
            .find(|event| event.key == id)
            .context("the order")?;
        let lines = self.guest_lines(event).await?;
        let outcome = job(event).unwrap_or_default();
        Ok((outcome, lines.iter().map(Line::guest_text).collect()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn description_becomes_a_provider_and_a_plugin() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    import(folder)?;
    let plugin = build(folder)?;

    let rig = host_with(folder, &plugin).await?;
    let order = r#"{"number":"7","latestCard.bin":"4111","lines":[{"quantity":2}],"new":1}"#;
    let (outcome, lines) = rig.order("e-1", order).await?;
    assert_eq!(outcome, "done", "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|line| line == "card Some(\"4111\"), 2 of a line"),
        "{lines:?}"
    );

    // The sender's next description changes a field that the plugin reads, and one that it reads
    // as an option.
    let next = SHOP
        .replace(
            "quantity: { type: integer, format: int32 }",
            "quantity: { type: number }",
        )
        .replace(
            "        note: { type: string }\n",
            "        by: { type: string }\n",
        );
    fs::write(folder.join("shop.yaml"), next)?;
    let again = "provider import shop.yaml --into providers/shop";
    let ended = hookyard(folder, &format!("{again} --plugins orders/build"))?;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let concerned = ended
        .stdout
        .split_once("orders/build/orders.wasm: ")
        .context("the plugin")?
        .1;
    let broken = "  ! order-paid /order/lines/*/quantity: s32 → f64; compiled plugins cannot decode \
                  all of them: numbers may have a fraction";
    for line in [
        "1 breaking, 1 changed, 0 additive",
        broken,
        "  ~ order-paid /order/note: not sent anymore; compiled plugins read `none`",
    ] {
        assert!(concerned.contains(line), "{line}: {concerned}");
    }
    assert!(
        ended.stdout.contains("+ order-paid /order/by: new field"),
        "{}",
        ended.stdout
    );

    // The host agrees.
    let whole = r#"{"number":"8","lines":[{"quantity":2}]}"#;
    assert_eq!(rig.order("e-2", whole).await?.0, "done");
    let half = r#"{"number":"9","lines":[{"quantity":0.5}]}"#;
    assert_eq!(
        rig.order("e-3", half).await?.0,
        "undecodable at $.order.lines[0].quantity: found a number with a fraction or an exponent, \
         wanted s32"
    );
    Ok(())
}

#[test]
fn further_import_keeps_what_a_person_edited() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    import(folder)?;
    let provider = folder.join("providers/shop");
    let completed = fs::read_to_string(provider.join("provider.toml"))?;
    let again = "provider import shop.yaml --into providers/shop";
    let same = must(folder, again)?;
    assert!(same.contains("since the last import: no changes"), "{same}");

    let sent = SHOP.replace("\ncomponents:", "\n  order.sent: { post: { requestBody: { content: { application/json: { schema: { type: object, required: [type], properties: { type: { const: order.sent } } } } } } } }\ncomponents:");
    fs::write(folder.join("shop.yaml"), sent)?;
    edit(
        &provider.join("shop.wit"),
        &[("number: string", "number: option<string>")],
    )?;
    let before = fs::read_to_string(provider.join("import.lock"))?;
    let shown = must(folder, again)?;
    for line in [
        "+ order-sent: new event; compiled plugins receive it as `other`",
        "\"order.sent\" = \"order-sent\"",
        "nothing was written; add --write to write the folder",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert_eq!(fs::read_to_string(provider.join("import.lock"))?, before);
    assert!(!provider.join("shop.wit.new").exists());

    must(folder, &format!("{again} --write"))?;
    assert_eq!(
        fs::read_to_string(provider.join("provider.toml"))?,
        completed
    );
    let edited = fs::read_to_string(provider.join("shop.wit"))?;
    assert!(edited.contains("number: option<string>"), "{edited}");
    let new = fs::read_to_string(provider.join("shop.wit.new"))?;
    assert!(
        new.contains("package shop:webhooks@1.1.0;") && new.contains("order-sent"),
        "{new}"
    );
    Ok(())
}

#[test]
fn lines_of_json_end_with_a_summary() -> Result<()> {
    let folder = tempfile::tempdir()?;
    import(folder.path())?;
    let next = SHOP.replace("required: [number, lines]", "required: [lines]");
    fs::write(folder.path().join("shop.yaml"), next)?;
    let again = "provider import shop.yaml --into providers/shop --json";
    let ended = hookyard(folder.path(), again)?;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let lines = ended.stdout.lines().map(serde_json::from_str);
    let lines: Vec<Value> = lines.collect::<Result<_, _>>()?;
    let change = lines
        .iter()
        .find(|line| line["kind"] == "change")
        .context("a change")?;
    assert_eq!(change["class"], "breaking");
    assert_eq!(change["path"], "/order/number");
    let summary = lines.last().context("a summary")?;
    assert_eq!(summary["kind"], "summary");
    assert_eq!(summary["package"], "2.0.0");
    assert_eq!(summary["is_written"], false);
    Ok(())
}

#[test]
fn faults_are_named_with_their_places() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    fs::create_dir_all(path.join("foreign"))?;
    fs::write(path.join("foreign/notes.txt"), "mine")?;
    fs::write(path.join("shop.yaml"), SHOP)?;
    let dangling = SHOP.replace("schemas/Order\"", "schemas/Ordr\"");
    fs::write(path.join("dangling.yaml"), dangling)?;
    for (arguments, code, expected) in [
        ("provider import shop.yaml", 2, "--into <FOLDER>"),
        (
            "provider import shop.yaml --into x --required most",
            2,
            "trust, samples, none",
        ),
        (
            "provider import absent.yaml --into x",
            1,
            "cannot read absent.yaml",
        ),
        (
            "provider import shop.yaml --into foreign --write",
            1,
            "import.lock",
        ),
        (
            "provider import shop.yaml --into x --events order.pad",
            1,
            "order.paid",
        ),
        (
            "provider import shop.yaml --into x --max-bytes 100",
            1,
            "--max-bytes",
        ),
        (
            "provider import dangling.yaml --into x --write",
            1,
            "is `Order` meant?",
        ),
        ("provider import shop.yaml --into Shop_X", 1, "Shop_X"),
    ] {
        let ended = hookyard(path, arguments)?;
        assert_eq!(ended.code, Some(code), "{arguments}: {ended:?}");
        assert!(
            ended.stderr.contains(expected),
            "{arguments}: {}",
            ended.stderr
        );
        assert!(!path.join("x").exists(), "{arguments}");
    }
    Ok(())
}
