//! The handler of `examples/<language>`: a folder that builds when it is copied out, its fixtures,
//! and its typed answer to a signed event.

use anyhow::{Context, Result, ensure};
use hookyard_testkit::receiver::Received;
use serde_json::json;

use crate::Case;
use crate::bench::{Bench, offer};
use crate::folder::Folder;

pub(crate) const CASES: &[Case] = &[
    Case::of_all("example copied out", copied),
    Case::of_all("fixtures", fixtures),
    Case::of_all("unit tests without WebAssembly", unit_tests),
    Case::of_all("events of topi SaaS, typed answer", answered),
];

fn copied(bench: &Bench) -> Result<Option<String>> {
    // Folders of the same name may share the target folder of cargo.
    let _change = bench.change();
    let yard = bench.yard()?;
    let from = format!("examples/{}", bench.language.folder);
    let folder = Folder::copied(&yard.folders().join("copied"), "decide", &from)?;
    let size = folder.build()?.guest.bytes().len();
    ensure!(size > 0, "the component is empty");
    Ok(None)
}

/// The unit tests of the example pass with the language's own tools.
fn unit_tests(bench: &Bench) -> Result<Option<String>> {
    let _change = bench.change();
    let folder = &bench.yard()?.plugin("decide")?.folder;
    folder.run(bench.language.unit_tests)?;
    Ok(None)
}

/// All fixtures pass, and a fixture with another expectation fails.
fn fixtures(bench: &Bench) -> Result<Option<String>> {
    let _change = bench.change();
    let folder = &bench.yard()?.plugin("decide")?.folder;
    folder.test()?;

    let wrong = json!({
        "event": { "provider": "topi-saas", "body": offer("x") },
        "expect": { "outcome": "rejected", "reason": "another reason" }
    });
    folder.write("fixtures/wrong-expectation.json", &wrong.to_string())?;
    let error = folder.test().err().context("a wrong expectation passed")?;
    ensure!(
        format!("{error:#}").contains("wrong-expectation"),
        "the report does not name the fixture: {error:#}"
    );
    Ok(None)
}

fn answered(bench: &Bench) -> Result<Option<String>> {
    bench.run(async |yard| {
        let offer = offer("e5f6a7b8");
        let attempt = yard.signed_attempt("decide", &offer.to_string()).await?;
        attempt.must_be("done")?;
        attempt.must_log("offer e5f6a7b8: 4998.00 EUR, number ")?;

        let inbox = &yard.senders.topi_saas_inbox;
        let is_answer = |message: &Received| {
            message.json().is_ok_and(|json| {
                json["type"] == "topi_saas.offer.accepted" && json["object_id"] == "e5f6a7b8"
            })
        };
        let received = inbox
            .wait_for("the typed answer", |all| all.iter().any(is_answer))
            .await?;
        let answer = received
            .iter()
            .find(|it| is_answer(it))
            .context("the answer")?;
        yard.senders.check_partner(answer)?;
        let lines = &answer.json()?["payload"]["offer"]["offer_lines"];
        ensure!(*lines == json!([{ "external_id": "line-1" }]), "{lines}");
        Ok(None)
    })
}
