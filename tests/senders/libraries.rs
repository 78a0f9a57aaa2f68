//! The libraries with which senders let their receivers verify (`tests/interop`). They accept what
//! this test signs, and refuse forgeries. The signatures are therefore those of the senders, and
//! not only what the recipes of the host expect.

use anyhow::{Context, Result, ensure};
use hookyard_testkit::published::{self, Judged};
use hookyard_testkit::samples;

use crate::delivery::Delivery;
use crate::sign::Secret;
use crate::table;
use crate::trials::forge;

/// The senders with such a library in `judge.mjs`.
const JUDGES: [&str; 8] = [
    "adyen",
    "adyen-platform",
    "discord",
    "linear",
    "notion",
    "paddle",
    "sendgrid",
    "slack",
];

/// How far ahead the signed times are, in seconds: Paddle's library accepts a time of at most 5
/// seconds ago, and Linear's a time within a minute.
const AHEAD: i64 = 30;

/// Signs and forges each sample, and lets the sender's library judge.
pub(crate) fn accept_signed_samples_only() -> Result<()> {
    let (mut requests, mut expected) = (Vec::new(), Vec::new());
    for name in JUDGES {
        let sender = table::senders().find(|sender| sender.name == name);
        let sender = sender.context(name)?;
        let (forgery, _) = sender.forgery.context(name)?;
        let secret = Secret::new(sender.form)?;
        let key = secret.configured(sender.form)?;
        for sample in &samples::of(name)? {
            let mut delivery = Delivery::new(name, sample, sender.kind_of(sample)?);
            delivery.time += AHEAD;
            let genuine = (sender.sign)(&delivery, &secret);
            let forged = genuine.clone().with_body(forge(forgery, &genuine.body)?);
            for (webhook, is_genuine) in [(genuine, true), (forged, false)] {
                requests.push(Judged::new(name, &webhook, &key));
                expected.push((format!("{name}/{}", sample.name), is_genuine));
            }
        }
    }

    let names = expected.iter().map(|(name, _)| name.clone());
    let judged: Vec<_> = names.zip(published::judge(&requests)?).collect();
    ensure!(
        judged == expected,
        "judged {judged:#?}, expected {expected:#?}"
    );
    Ok(())
}
