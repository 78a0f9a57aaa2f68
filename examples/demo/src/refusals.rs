//! Sends forged, stale, broken and unwanted requests, and shows the answers and the operator's log.

use anyhow::Result;
use hookyard_testkit::http::{Answer, Webhook};
use hookyard_testkit::load::fresh_payment;
use hookyard_testkit::samples;
use hookyard_testkit::senders::path_of;
use hookyard_testkit::sign::{Topper, now};
use hookyard_testkit::sns::SignatureVersion;

use crate::paper::{Paper, plain, quiet, verdict};
use crate::stage::Stage;

/// A request that the host must refuse.
struct Case {
    what: &'static str,
    path: String,
    webhook: Webhook,
    expected: u16,
    /// Whether the log contains the refusal at the default level.
    is_logged: bool,
}

pub(crate) async fn show(stage: &Stage, paper: &mut Paper) -> Result<String> {
    paper.section("Forged, broken, unwanted");
    let before = stage.host.events().await?.len();
    let cases = cases(stage)?;
    let mut rows = vec![
        ["", "request", "to", "answer", "reason in the host's log"]
            .map(quiet)
            .to_vec(),
    ];
    for case in &cases {
        let mark = stage.host.log().mark();
        let answer = stage
            .client
            .post(stage.host.address(), &case.path, &case.webhook)
            .await?;
        let reason = if case.is_logged {
            reason(stage, mark).await?
        } else {
            "(not logged: anybody can cause it)".to_owned()
        };
        let is_right = answer.status == case.expected;
        paper.expect(is_right, || {
            format!(
                "{}: {} instead of {}",
                case.what, answer.status, case.expected
            )
        });
        rows.push(vec![
            verdict(answer.status.to_string(), is_right),
            plain(case.what),
            plain(&case.path),
            plain(answer.says("reason")),
            quiet(reason),
        ]);
    }
    paper.table(&rows);
    let after = stage.host.events().await?.len();
    paper.expect(before == after, || {
        format!("{} of these were stored", after - before)
    });
    repeat(stage, paper).await?;
    Ok(format!(
        "{} forged, broken or unwanted requests refused, each with its reason; none was stored.",
        cases.len()
    ))
}

async fn reason(stage: &Stage, mark: usize) -> Result<String> {
    let line = stage
        .host
        .wait_for_log_since(mark, "the reason of a refusal", |line| {
            line.message() == "refused"
        })
        .await?;
    Ok(line.text_of("reason"))
}

fn cases(stage: &Stage) -> Result<Vec<Case>> {
    let senders = &stage.senders;
    let topi = samples::one("topi", "order-created")?.body;
    let signed = || senders.topi.sign("msg_forged", topi.clone());
    let (_, payment) = fresh_payment();
    let jws = || senders.topper.sign(payment.clone());
    let sns = &senders.tipser;
    let foreign = {
        let (mut message, _) = sns.subscription_confirmation();
        message.set(
            "TopicArn",
            "arn:aws:sns:eu-west-1:000000000000:somebody-elses",
        );
        sns.sign(message, SignatureVersion::V2)
    };
    let case = |what, provider: &str, webhook, expected| Case {
        what,
        path: path_of(provider),
        webhook,
        expected,
        is_logged: true,
    };
    let outgoing = samples::outgoing("topi-saas")?;
    let mut cases = vec![
        case(
            "a status changed on the way",
            "topi",
            signed().with_body(topi.replace("created", "canceled")),
            401,
        ),
        case(
            "no signature at all",
            "topi",
            signed().without("svix-signature"),
            401,
        ),
        case(
            "a signature given twice",
            "topi",
            signed().and("svix-signature", signed().header("svix-signature")),
            401,
        ),
        case(
            "signed ten minutes ago",
            "topi",
            senders.topi.sign_at("msg_stale", now() - 600, topi.clone()),
            401,
        ),
        case(
            "signed by another key",
            "topper",
            Topper::new().sign(payment.clone()),
            401,
        ),
        case(
            "a token of algorithm `none`",
            "topper",
            jws().with(Topper::HEADER, "eyJhbGciOiJub25lIn0.."),
            401,
        ),
        case(
            "a body of 100 KiB",
            "topper",
            senders.topper.sign("x".repeat(100 << 10)),
            413,
        ),
        case("somebody else's SNS topic", "tipser", foreign, 401),
        case(
            "raw SNS, signed by nobody",
            "tipser",
            sns.raw(&samples::one("tipser", "product-changed")?.body),
            401,
        ),
        Case {
            what: "an unknown tenant",
            path: "/nobody/payments".into(),
            webhook: jws(),
            expected: 404,
            is_logged: false,
        },
    ];
    if let Some(sample) = outgoing.first() {
        cases.push(case(
            "an event that only we send",
            "topi-saas",
            senders.sign("topi-saas", &sample.body)?,
            400,
        ));
    }
    Ok(cases)
}

/// A repeated event is acknowledged and stored once.
async fn repeat(stage: &Stage, paper: &mut Paper) -> Result<()> {
    let webhook = stage.senders.topper.sign(fresh_payment().1);
    let before = stage.host.events().await?.len();
    let first = stage.post("topper", &webhook).await?;
    let again = stage.post("topper", &webhook).await?;
    let stored = stage.host.events().await?.len() - before;
    let row = |what: &str, answer: &Answer| {
        vec![
            verdict(answer.status.to_string(), answer.is_accepted()),
            plain(what),
            plain(answer.says("status")),
            quiet(answer.says("event")),
        ]
    };
    paper.gap();
    paper.say("A sender that heard no answer sends the same event again:");
    paper.table(&[row("first", &first), row("again", &again)]);
    let is_right = first.is_accepted()
        && again.is_accepted()
        && again.says("event") == first.says("event")
        && stored == 1;
    paper.expect(is_right, || {
        format!(
            "a repeat was answered {} and {stored} events were stored",
            again.status
        )
    });
    Ok(())
}
