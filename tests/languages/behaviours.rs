//! What a handler can do and how it can end, by the handlers of `tests/languages/<language>`. The
//! id of the offer selects the behaviour.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hookyard_testkit::host::run_with;
use serde_json::{Value, json};

use crate::Case;
use crate::bench::{AttemptLog, Bench, Yard, offer};
use crate::language::Language;

/// The plugin of this module.
const PLUGIN: &str = "behaviours";
/// The first integer that a double cannot hold.
const INEXACT: i64 = (1 << 53) + 1;
/// How many attempts change a counter at the same time.
const UPDATES: usize = 20;

pub(crate) const CASES: &[Case] = &[
    Case::of_all("9007199254740993 as s64", |bench| exact(bench, INEXACT)),
    Case::of_all("9223372036854775807 as s64", |bench| exact(bench, i64::MAX)),
    Case::of_all("missing option", missing_option),
    Case::of_all("Unicode and 1 MiB text", texts),
    Case::of_all("empty and long list", lists),
    Case::of_all("context", context),
    Case::of_all("reject", reject),
    Case::of_all("retry with a delay", retry),
    Case::of_all("trap", trap),
    Case::of_all("uncaught error of the host", host_error),
    Case::of_all("log with levels", levels),
    Case::of_all("key-value store", values),
    Case::of_all("atomic increment", |bench| counted(bench, "count")),
    Case::of_all("conflicting updates", |bench| counted(bench, "update")),
    Case::of_all("setting", |bench| logs(bench, "setting", "setting on")),
    Case::of_all("untyped message", untyped_message),
    Case::of_all("typed message", typed_message),
    Case::of_all("response", response),
    Case::of_all("HTTP request", |bench| logs(bench, "http", "http 200 ")),
    Case {
        name: "fetch",
        concerns: has_fetch,
        run: |bench| logs(bench, "fetch", "fetch 200 "),
    },
    Case {
        name: "garbage between calls of the host",
        concerns: |language| language.folder == "go",
        run: |bench| logs(bench, "garbage", "garbage of 10 MB"),
    },
];

fn has_fetch(language: &Language) -> bool {
    language.engine == Some("starling")
}

async fn behave(yard: &Yard, id: &str) -> Result<AttemptLog> {
    yard.attempt(PLUGIN, &offer(id).to_string()).await
}

/// The attempt is done and logs the text.
fn logs(bench: &Bench, id: &'static str, text: &'static str) -> Result<Option<String>> {
    bench.run(async |yard| {
        let attempt = behave(yard, id).await?;
        attempt.must_be("done")?;
        attempt.must_log(text)?;
        Ok(None)
    })
}

/// The integer arrives unchanged, or the plugin refuses it and names the field.
fn exact(bench: &Bench, value: i64) -> Result<Option<String>> {
    let is_quickjs = bench.language.is_quickjs();
    bench.run(async |yard| {
        let mut event = offer("sum");
        event["payload"]["offer"]["offer_lines"][0]["price"]["value"] = value.into();
        let attempt = yard.attempt(PLUGIN, &event.to_string()).await?;

        if is_quickjs {
            ensure!(attempt.outcome() != "done", "{:?}", attempt.lines);
            let detail = attempt.detail();
            ensure!(
                detail.contains("QuickJS") && detail.contains("price.value"),
                "{detail}"
            );
            return Ok(Some("refused by name".into()));
        }
        attempt.must_be("done")?;
        attempt.must_log(&format!("sum {value}"))?;
        Ok(None)
    })
}

fn missing_option(bench: &Bench) -> Result<Option<String>> {
    bench.run(async |yard| {
        let mut missing = offer("optional");
        let customer = missing
            .pointer_mut("/payload/end_customer")
            .context("the customer")?;
        customer
            .as_object_mut()
            .context("an object")?
            .remove("company_name");
        let mut null = offer("optional");
        null["payload"]["end_customer"]["company_name"] = Value::Null;

        for (event, text) in [
            (missing, "company none"),
            (null, "company none"),
            (offer("optional"), "company Widgets & Co. GmbH"),
        ] {
            let attempt = yard.attempt(PLUGIN, &event.to_string()).await?;
            attempt.must_be("done")?;
            attempt.must_log(text)?;
        }
        Ok(None)
    })
}

fn texts(bench: &Bench) -> Result<Option<String>> {
    bench.run(async |yard| {
        let long = "é🚚".repeat((1 << 20) / 6);
        for title in ["", "Ünïcödé 🚚 e\u{301}ñ\u{200d}日本語", &long] {
            let mut event = offer("title");
            event["payload"]["offer"]["offer_lines"][0]["title"] = title.into();
            let attempt = yard.attempt(PLUGIN, &event.to_string()).await?;
            attempt.must_be("done")?;
            attempt.must_log(&format!("title {}", title.len()))?;
        }

        let mut event = offer("title");
        event["payload"]["offer"]["offer_lines"][0]["title"] = "日本語🚚éñabcdefgh".into();
        let attempt = yard.attempt(PLUGIN, &event.to_string()).await?;
        attempt.must_log("日本語🚚éñabcdef")?;
        Ok(None)
    })
}

fn lists(bench: &Bench) -> Result<Option<String>> {
    bench.run(async |yard| {
        for count in [0, 500] {
            let mut event = offer("lines");
            let lines = &mut event["payload"]["offer"]["offer_lines"];
            *lines = vec![lines[0].clone(); count].into();
            let attempt = yard.attempt(PLUGIN, &event.to_string()).await?;
            attempt.must_be("done")?;
            attempt.must_log(&format!("lines {count}"))?;
        }
        Ok(None)
    })
}

fn context(bench: &Bench) -> Result<Option<String>> {
    let text = "delivery acme/behaviours topi-saas topi_saas.offer.accepted_by_user 1";
    logs(bench, "delivery", text)
}

/// The attempt ends with this outcome, and its detail contains the text.
fn ends(
    bench: &Bench,
    id: &'static str,
    outcome: &'static str,
    detail: &'static str,
) -> Result<Option<String>> {
    bench.run(async |yard| {
        let attempt = behave(yard, id).await?;
        attempt.must_be(outcome)?;
        let found = attempt.detail();
        ensure!(found.contains(detail), "expected `{detail}`: {found}");
        Ok(None)
    })
}

fn reject(bench: &Bench) -> Result<Option<String>> {
    ends(bench, "reject", "rejected", "asked to reject")
}

fn retry(bench: &Bench) -> Result<Option<String>> {
    bench.run(async |yard| {
        let attempt = behave(yard, "retry").await?;
        attempt.must_be("retry")?;
        ensure!(
            attempt.detail().contains("asked to retry"),
            "{}",
            attempt.end.text
        );

        // The configured delay is much shorter than the requested one.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let event = attempt.end.text_of("event");
        let config = yard.site.config().display().to_string();
        let arguments = ["events", "show", &event, "--json", "--config", &config];
        let shown = run_with(&arguments, yard.site.environment()).await?.stdout;
        let shown: Value = serde_json::from_str(&shown)?;
        let job = &shown["plugins"][0];
        let attempts = job["attempts"].as_array().map_or(0, Vec::len);
        ensure!(job["state"] == "waiting" && attempts == 1, "{job}");
        Ok(None)
    })
}

fn trap(bench: &Bench) -> Result<Option<String>> {
    ends(bench, "trap", "trapped", "asked to trap")
}

fn host_error(bench: &Bench) -> Result<Option<String>> {
    ends(bench, "host-error", "retry", "nowhere")
}

fn levels(bench: &Bench) -> Result<Option<String>> {
    bench.run(async |yard| {
        let attempt = behave(yard, "log").await?;
        attempt.must_be("done")?;
        for text in [
            "trace: level trace",
            "debug: level debug",
            "level info",
            "warn: level warn",
            "error: level error",
            "printed",
        ] {
            attempt.must_log(text)?;
        }
        Ok(None)
    })
}

fn values(bench: &Bench) -> Result<Option<String>> {
    logs(bench, "values", "values [1,2] true a,b false")
}

/// Attempts at the same time lose no update.
fn counted(bench: &Bench, id: &'static str) -> Result<Option<String>> {
    bench.run(async |yard| {
        let mark = yard.host.log().mark();
        let mut events = Vec::new();
        for _ in 0..UPDATES {
            events.push(yard.send(PLUGIN, &offer(id).to_string()).await?);
        }

        let mut found = BTreeSet::new();
        for event in &events {
            let attempt = yard.attempt_of(PLUGIN, event, mark).await?;
            attempt.must_be("done")?;
            found.extend(attempt.lines);
        }
        let expected = (1..=UPDATES).map(|number| format!("{id} {number}"));
        ensure!(found == expected.collect(), "{found:?}");
        Ok(None)
    })
}

fn untyped_message(bench: &Bench) -> Result<Option<String>> {
    bench.run(async |yard| {
        behave(yard, "send").await?.must_be("done")?;
        let expected = json!({ "hello": "wörld" });
        yard.receiver
            .wait_for("the untyped message", |all| {
                all.iter()
                    .any(|it| it.json().is_ok_and(|json| json == expected))
            })
            .await?;
        Ok(None)
    })
}

fn typed_message(bench: &Bench) -> Result<Option<String>> {
    bench.run(async |yard| {
        behave(yard, "answer").await?.must_be("done")?;
        let is_answer = |json: Value| {
            json["type"] == "topi_saas.offer.declined" && json["payload"]["reason"] == "asked to"
        };
        yard.senders
            .topi_saas_inbox
            .wait_for("the typed message", |all| {
                all.iter().any(|it| it.json().is_ok_and(is_answer))
            })
            .await?;
        Ok(None)
    })
}

fn response(bench: &Bench) -> Result<Option<String>> {
    bench.run(async |yard| {
        let answer = yard.ask(&offer("respond").to_string()).await?;
        let pot = answer.headers.get("x-pot").map(|value| value.as_bytes());
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        ensure!(
            answer.status == 201 && pot == Some(b"round") && json == json!({ "hello": "wörld" }),
            "{answer:?}"
        );
        Ok(None)
    })
}
