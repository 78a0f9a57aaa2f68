//! The templates of `hookyard new`: plugins for the events of each provider, and for bytes.

use anyhow::{Result, ensure};
use hookyard_testkit::samples;
use serde_json::json;
use uuid::Uuid;

use crate::Case;
use crate::bench::{AttemptLog, Bench, offer};

pub(crate) const CASES: &[Case] = &[
    Case::of_all("events of topi", |bench| signed(bench, "topi")),
    Case::of_all("events of Topper", |bench| signed(bench, "topper")),
    Case::of_all("events of Tipser", |bench| signed(bench, "tipser")),
    Case::of_all("events of an own provider", own_provider),
    Case::of_all("unknown event type", unknown_type),
    Case::of_all("untyped bytes", untyped),
];

/// Sends each sample as its sender does. The plugin logs the name of the case.
fn signed(bench: &Bench, provider: &'static str) -> Result<Option<String>> {
    bench.run(async |yard| {
        for sample in samples::of(provider)? {
            let attempt = yard.signed_attempt(provider, &sample.body).await?;
            attempt.must_be("done")?;
            names_case(&attempt, &sample.name)?;
        }
        Ok(None)
    })
}

/// Fails unless the guest logged the name of the case, as its language writes names.
fn names_case(attempt: &AttemptLog, case: &str) -> Result<()> {
    ensure!(
        attempt
            .lines
            .iter()
            .any(|line| plain(line).contains(&plain(case))),
        "no line contains {case}: {:?}",
        attempt.lines
    );
    Ok(())
}

/// Removes what languages write differently in names.
fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace(['-', '_', ' '], "")
}

fn own_provider(bench: &Bench) -> Result<Option<String>> {
    bench.run(async |yard| {
        for (event_type, case) in [
            ("order.paid", "order-paid"),
            ("order.refunded", "order-refunded"),
        ] {
            let body = json!({ "id": Uuid::new_v4().to_string(), "type": event_type, "amount": 4900, "currency": "EUR" });
            let attempt = yard.attempt("shopfront", &body.to_string()).await?;
            attempt.must_be("done")?;
            names_case(&attempt, case)?;
        }
        Ok(None)
    })
}

/// An event type that the plugin's variant does not have is the case `other`.
fn unknown_type(bench: &Bench) -> Result<Option<String>> {
    bench.run(async |yard| {
        let body =
            json!({ "id": Uuid::new_v4().to_string(), "type": "order.lost", "reason": "🚚" });
        let attempt = yard.attempt("shopfront", &body.to_string()).await?;
        attempt.must_be("done")?;
        let mut offer = offer("x");
        offer["type"] = "topi_saas.offer.renamed".into();
        let attempt = yard.attempt("behaviours", &offer.to_string()).await?;
        attempt.must_be("done")?;
        attempt.must_log("other topi_saas.offer.renamed")?;
        Ok(None)
    })
}

fn untyped(bench: &Bench) -> Result<Option<String>> {
    bench.run(async |yard| {
        // The handler gets bytes, whatever they are; the provider needs the key and the type.
        let body = json!({ "id": Uuid::new_v4().to_string(), "type": "no.type", "text": "é🚚\u{0}" }).to_string();
        let attempt = yard.attempt("untyped", &body).await?;
        attempt.must_be("done")?;
        let length = body.len().to_string();
        attempt.must_log(&length)?;

        let large = json!({ "id": Uuid::new_v4().to_string(), "type": "no.type", "text": "x".repeat(500_000) });
        let attempt = yard.attempt("untyped", &large.to_string()).await?;
        attempt.must_be("done")?;
        attempt.must_log(&large.to_string().len().to_string())?;
        Ok(None)
    })
}
