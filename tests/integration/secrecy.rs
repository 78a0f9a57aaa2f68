//! The log at its default level contains no secrets, signatures or bodies.

use anyhow::Result;
use hookyard_testkit::events::is_guest;
use hookyard_testkit::eventually;
use hookyard_testkit::samples;

use crate::rig::{Rig, quick};

#[tokio::test(flavor = "multi_thread")]
async fn log_contains_no_secret_or_body() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    let mut private = vec![
        rig.senders.topi.secret().to_owned(),
        rig.senders.topi_saas.secret().to_owned(),
    ];
    for provider in ["topi", "topper", "topi-saas", "tipser"] {
        for sample in samples::of(provider)?.into_iter().take(2) {
            let webhook = rig.deliver(provider, &sample.body).await?;
            let refused = rig
                .post(
                    provider,
                    &webhook.clone().with_body("{\"customer\": \"Mustermann\"}"),
                )
                .await?;
            assert!(!refused.is_accepted());
            let signatures = webhook
                .headers
                .iter()
                .filter(|(name, _)| name.to_lowercase().contains("signature"));
            private.extend(signatures.map(|(_, value)| value.clone()));
        }
    }
    private.extend(
        [
            "Mustermann",
            "C73335",
            "0x52908400098527886E0F7030069857D2E4169EE7",
            "Widgets & Co",
        ]
        .map(String::from),
    );
    eventually("the log to report the refusals", || async {
        let lines = rig.host.lines().await?;
        Ok((lines
            .iter()
            .filter(|line| line.message() == "refused")
            .count()
            >= 7)
            .then_some(()))
    })
    .await?;
    let lines = rig.host.lines().await?;
    for line in lines.iter().filter(|line| !is_guest(line)) {
        for text in &private {
            assert!(
                !line.text.contains(text.as_str()),
                "`{text}` is in {}",
                line.text
            );
        }
    }
    Ok(())
}
