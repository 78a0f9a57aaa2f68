//! Sends requests of topi SaaS and shows the typed answers at a receiver that verifies their
//! signatures.

use anyhow::{Context, Result};
use hookyard_testkit::receiver::Received;
use hookyard_testkit::samples::{self, Sample};
use serde_json::Value;

use crate::paper::{Paper, cut, plain, quiet, verdict};
use crate::stage::Stage;

/// A request and the type of its expected answer.
struct Case {
    what: &'static str,
    event: String,
    expected: &'static str,
}

pub(crate) async fn show(stage: &Stage, paper: &mut Paper) -> Result<String> {
    paper.section("Typed answers, signed, to a receiver of their own");
    let inbox = &stage.senders.topi_saas_inbox;
    paper.say(&format!(
        "topi SaaS listens at {}, the destination `partner` of tenant acme",
        inbox.url()
    ));
    paper.gap();
    // The sample from the first section is answered first, so that each further answer belongs to
    // its request.
    inbox
        .wait_for("the answer to the sample", |received| !received.is_empty())
        .await?;
    let sample = samples::one("topi-saas", "offer-accepted-by-user")?;
    let mut rows = vec![
        [
            "",
            "an offer that the user accepted",
            "the answer",
            "what it says",
        ]
        .map(quiet)
        .to_vec(),
    ];
    let cases = cases(&sample);
    for case in &cases {
        let before = inbox.received().len();
        let asked = stage
            .post("topi-saas", &stage.senders.sign("topi-saas", &case.event)?)
            .await?;
        paper.expect(asked.is_accepted(), || {
            format!("{} was answered {}", case.what, asked.status)
        });
        let received = inbox
            .wait_for("an answer", |received| received.len() > before)
            .await?;
        rows.push(row(stage, paper, case, &received[before])?);
    }
    paper.table(&rows);
    paper.gap();
    paper.aside("each signature was checked with the library `standardwebhooks`, which the host does not use");
    let all = inbox.received().len();
    paper.expect(all == cases.len() + 1, || {
        format!("{all} answers arrived for {} offers", cases.len() + 1)
    });
    Ok(format!(
        "{} offers answered by typed events, whose signatures an independent library verified.",
        all
    ))
}

fn cases(sample: &Sample) -> [Case; 3] {
    let asked = |id: &str, changes: &[(&str, Value)]| {
        let mut event = sample.json();
        let id = [("/event_id", Value::from(id))];
        for (pointer, value) in id.iter().chain(changes) {
            *event.pointer_mut(pointer).expect("the sample has it") = value.clone();
        }
        event.to_string()
    };
    [
        Case {
            what: "whose sums are right",
            event: asked("11111111-e5f6-7890-abcd-ef1234567890", &[]),
            expected: "topi_saas.offer.accepted",
        },
        Case {
            what: "whose total is a cent off",
            event: asked(
                "22222222-e5f6-7890-abcd-ef1234567890",
                &[("/payload/offer/total_price/value", 499_801.into())],
            ),
            expected: "topi_saas.offer.declined",
        },
        Case {
            what: "that goes to Norway",
            event: asked(
                "33333333-e5f6-7890-abcd-ef1234567890",
                &[("/payload/shipping_address/country_code", "NO".into())],
            ),
            expected: "topi_saas.offer.declined",
        },
    ]
}

fn row(
    stage: &Stage,
    paper: &mut Paper,
    case: &Case,
    received: &Received,
) -> Result<Vec<crate::paper::Cell>> {
    let verified = stage.senders.check_partner(received);
    paper.expect(verified.is_ok(), || {
        format!("the answer to an offer {}: {verified:?}", case.what)
    });
    let answer = received.json()?;
    let kind = answer["type"]
        .as_str()
        .context("an answer without a type")?;
    paper.expect(kind == case.expected, || {
        format!("an offer {} was answered with {kind}", case.what)
    });
    let asked: Value = serde_json::from_str(&case.event)?;
    paper.expect(answer["object_id"] == asked["object_id"], || {
        "the answer is about another offer".to_owned()
    });
    let payload = &answer["payload"];
    let says = match payload["reason"].as_str() {
        Some(reason) => format!("reason {reason}"),
        None => format!(
            "our line {}",
            payload["offer"]["offer_lines"][0]["external_id"]
                .as_str()
                .unwrap_or_default()
        ),
    };
    Ok(vec![
        verdict(
            if verified.is_ok() {
                "verified"
            } else {
                "forged"
            },
            verified.is_ok(),
        ),
        plain(case.what),
        verdict(kind, kind == case.expected),
        quiet(cut(&says, 60)),
    ])
}
