//! Does what the offer's id says.

#[path = "../gen/webhooks.rs"]
mod webhooks;

use std::time::Duration;

use hookyard::{Bucket, Delivery, HostError, Outcome, http, log, reject, retry, setting, sum};
use webhooks::outgoing::{self, OfferDeclinedPayload};
use webhooks::{AcceptedByUserPayload, Event};

const COUNTS: Bucket<i64> = Bucket::new("counts");
const VALUES: Bucket<Vec<u8>> = Bucket::new("values");

#[hookyard::handler]
fn handle(event: Event, delivery: Delivery) -> Outcome {
    match event {
        Event::OfferAcceptedByUser(event) => behave(&event.payload, &delivery),
        Event::Other(_) => {
            log::info!("other {}", delivery.event_type.as_deref().unwrap_or_default());
            Ok(())
        }
    }
}

fn behave(it: &AcceptedByUserPayload, delivery: &Delivery) -> Outcome {
    let lines = &it.offer.offer_lines;
    match it.offer_id.as_str() {
        "sum" => {
            let sum = sum(lines.iter().map(|line| line.price.value));
            log::info!("sum {}", sum.ok_or_else(|| HostError::new("out of range"))?);
        }
        "title" => {
            let title = lines[0].title.as_deref().unwrap_or_default();
            log::info!("title {} {}", title.len(), title.chars().take(12).collect::<String>());
        }
        "lines" => log::info!("lines {}", lines.len()),
        "optional" => {
            log::info!("company {}", it.end_customer.company_name.as_deref().unwrap_or("none"));
        }
        "delivery" => log::info!(
            "delivery {}/{} {} {} {}",
            delivery.tenant,
            delivery.source,
            delivery.provider,
            delivery.event_type.as_deref().unwrap_or_default(),
            delivery.attempt
        ),
        "reject" => return reject!("asked to reject"),
        "retry" => return retry!(after = Duration::from_secs(60), "asked to retry"),
        "trap" => trap(),
        "host-error" => {
            hookyard::send("nowhere", "{}", None)?;
        }
        "log" => levels(),
        "count" => log::info!("count {}", COUNTS.increment("offers", 1)?),
        "values" => values()?,
        "update" => {
            let number = COUNTS.update("updates", |old| old.unwrap_or(0) + 1)?;
            log::info!("update {number}");
        }
        "setting" => log::info!("setting {}", setting("mode")?.as_deref().unwrap_or("none")),
        "send" => {
            hookyard::send("raw", "{\"hello\":\"wörld\"}", Some("k"))?;
        }
        "respond" => {
            hookyard::respond(201, &[("X-Pot", "round")], "{\"hello\":\"wörld\"}")?;
        }
        "answer" => decline(it)?,
        "http" => {
            let answer = http::get(setting("url")?.unwrap_or_default()).send()?;
            log::info!("http {} {}", answer.status, answer.text());
        }
        other => return reject!("unknown behaviour {other}"),
    }
    Ok(())
}

fn trap() {
    panic!("asked to trap");
}

fn levels() {
    log::trace!("level trace");
    log::debug!("level debug");
    log::info!("level info");
    log::warn!("level warn");
    log::error!("level error");
    println!("printed");
}

fn values() -> Result<(), HostError> {
    VALUES.set("a", &vec![1, 2])?;
    Bucket::<String>::new("values").set("b", &"é".to_owned())?;
    let exists = VALUES.exists("b")?;
    let mut keys = VALUES.keys()?;
    keys.sort();
    VALUES.delete("b")?;

    let a = json(&VALUES.get("a")?.unwrap_or_default());
    log::info!("values {a} {exists} {} {}", keys.join(","), VALUES.exists("b")?);
    Ok(())
}

/// Writes numbers as JSON.
fn json(numbers: &[u8]) -> String {
    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    format!("[{}]", numbers.join(","))
}

fn decline(it: &AcceptedByUserPayload) -> Result<(), HostError> {
    let answer = OfferDeclinedPayload {
        offer_id: it.offer_id.clone(),
        end_customer: None,
        reason: "asked to".to_owned(),
    };
    outgoing::offer_declined(&answer, None)?;
    Ok(())
}
