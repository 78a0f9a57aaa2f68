//! Amazon SNS: confirmed and unconfirmed subscriptions, certificates, and raw delivery with
//! credentials.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use hookyard_testkit::http::{Client, Webhook};
use hookyard_testkit::log::Line;
use hookyard_testkit::samples;
use hookyard_testkit::senders::path_of;
use hookyard_testkit::sns::{SignatureVersion, StandIn};
use hookyard_testkit::{eventually, guests};
use tokio::task::JoinSet;

use crate::rig::{Rig, quick};

#[tokio::test(flavor = "multi_thread")]
async fn sns_subscription_from_handshake_to_end() -> Result<()> {
    let guest = guests::reference("tipser")?;
    let rig = Rig::start(quick(), &[("acme/tipser", &guest)]).await?;
    let sns = &rig.senders.tipser;

    let (message, token) = sns.subscription_confirmation();
    let webhook = sns.sign(message, SignatureVersion::V1);
    let answer = rig.post("tipser", &webhook).await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let confirmed = sns.confirmations();
    assert_eq!(
        confirmed.len(),
        1,
        "the URL is visited before the answer, once"
    );
    assert!(
        confirmed[0].ends_with(&format!("Token={token}")),
        "{confirmed:?}"
    );

    let sample = samples::one("tipser", "product-changed")?.body;
    for version in [SignatureVersion::V1, SignatureVersion::V2] {
        let webhook = sns.sign(sns.notification(&sample), version);
        assert!(
            rig.post("tipser", &webhook).await?.is_accepted(),
            "{version:?}"
        );
    }
    let mut with_subject = sns.notification(&sample);
    with_subject.set("Subject", "a subject is signed too");
    assert!(
        rig.post("tipser", &sns.sign(with_subject, SignatureVersion::V2))
            .await?
            .is_accepted()
    );
    rig.all_done(3).await?;
    assert_eq!(sns.certificate_fetches(), 1, "the certificate is cached");

    let (message, _) = sns.unsubscribe_confirmation();
    let answer = rig
        .post("tipser", &sns.sign(message, SignatureVersion::V2))
        .await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        sns.confirmations().len(),
        1,
        "visiting the URL of an UnsubscribeConfirmation would subscribe again"
    );
    assert_eq!(
        rig.host.events().await?.len(),
        3,
        "handshakes are not stored as events"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unrequested_subscription_is_not_confirmed() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    let (ours, theirs) = (&rig.senders.tipser, StandIn::start().await?);
    let signed = |change: &dyn Fn(&mut hookyard_testkit::sns::Message)| {
        let (mut message, _) = ours.subscription_confirmation();
        change(&mut message);
        ours.sign(message, SignatureVersion::V2)
    };
    let topic = "arn:aws:sns:eu-west-1:000000000000:somebody-elses";
    let elsewhere = format!(
        "{}/?Action=ConfirmSubscription&TopicArn=x&Token=y",
        theirs.url()
    );
    let good = signed(&|_| {});
    let cases: Vec<(&str, Webhook)> = vec![
        (
            "another topic",
            signed(&|message| message.set("TopicArn", topic)),
        ),
        (
            "a URL elsewhere",
            signed(&|message| message.set("SubscribeURL", &elsewhere)),
        ),
        (
            "another action",
            signed(&|message| {
                message.set(
                    "SubscribeURL",
                    &format!("{}/?Action=DeleteTopic", ours.url()),
                )
            }),
        ),
        (
            "another key",
            theirs.sign(theirs.subscription_confirmation().0, SignatureVersion::V2),
        ),
        (
            "a tampered token",
            good.clone()
                .with_body(String::from_utf8_lossy(&good.body).replace("Token=", "Token=0")),
        ),
        (
            "stale",
            signed(&|message| message.set("Timestamp", "2021-03-02T11:36:37.665Z")),
        ),
        (
            "a header at odds",
            good.clone().with("x-amz-sns-message-type", "Notification"),
        ),
        ("raw where signed is expected", ours.raw("{}")),
    ];
    for (name, webhook) in cases {
        let answer = rig.post("tipser", &webhook).await?;
        assert!(
            (400..500).contains(&answer.status),
            "{name}: {} {}",
            answer.status,
            answer.text()
        );
    }
    assert!(
        ours.confirmations().is_empty(),
        "{:?}",
        ours.confirmations()
    );
    assert!(theirs.confirmations().is_empty());
    assert_eq!(
        theirs.certificate_fetches(),
        0,
        "no certificate is fetched from a foreign host"
    );
    assert!(rig.host.events().await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_certificate_urls_exclude_nobody() -> Result<()> {
    let guest = guests::reference("tipser")?;
    let rig = Rig::start(quick(), &[("acme/tipser", &guest)]).await?;
    let sns = &rig.senders.tipser;
    let sample = samples::one("tipser", "product-changed")?.body;

    for number in 0..70 {
        let forged = sns.forge(
            sns.notification(&sample),
            &sns.missing_certificate_url(number),
        );
        assert_eq!(
            rig.post("tipser", &forged).await?.status,
            503,
            "the certificate may become available later"
        );
    }
    rig.deliver("tipser", &sample).await?;

    rig.all_done(1).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_certificate_flood_excludes_no_certificate() -> Result<()> {
    let guest = guests::reference("tipser")?;
    let rig = Rig::start(quick(), &[("acme/tipser", &guest)]).await?;
    let sample = samples::one("tipser", "product-changed")?.body;
    let is_over = Arc::new(AtomicBool::new(false));
    let numbers = Arc::new(AtomicUsize::new(0));

    let mut flood = JoinSet::new();
    for _ in 0..16 {
        let (senders, client, address) = (
            Arc::clone(&rig.senders),
            Client::http1(),
            rig.host.address(),
        );
        let (is_over, numbers, sample) =
            (Arc::clone(&is_over), Arc::clone(&numbers), sample.clone());
        flood.spawn(async move {
            let sns = &senders.tipser;
            while !is_over.load(Ordering::Relaxed) {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                let forged = sns.forge(
                    sns.notification(&sample),
                    &sns.missing_certificate_url(number),
                );
                client.post(address, &path_of("tipser"), &forged).await?;
            }
            anyhow::Ok(())
        });
    }
    while numbers.load(Ordering::Relaxed) < 100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Like a sender, repeats the message while the answer is 503, for a bounded time.
    let sns = &rig.senders.tipser;
    let genuine = sns.sign(sns.notification(&sample), SignatureVersion::V2);
    let mut answers = Vec::new();
    while answers.last() != Some(&200) && answers.len() < 5 {
        answers.push(rig.post("tipser", &genuine).await?.status);
    }
    is_over.store(true, Ordering::Relaxed);
    assert_eq!(
        answers.last(),
        Some(&200),
        "{answers:?} beside {numbers:?} forged messages"
    );
    while let Some(ended) = flood.join_next().await {
        ended??;
    }
    rig.all_done(1).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_certificate_uses_no_other_connections() -> Result<()> {
    const FORGED: usize = 80;
    let guest = guests::reference("tipser")?;
    let config = quick().ingress("connections_max = 64");
    let rig = Rig::start(config, &[("acme/tipser", &guest)]).await?;
    let sns = &rig.senders.tipser;
    let sample = samples::one("tipser", "product-changed")?.body;

    let mut forged = JoinSet::new();
    for _ in 0..FORGED {
        let webhook = sns.forge(sns.notification(&sample), &sns.silent_certificate_url());
        let (client, address) = (Client::http1(), rig.host.address());
        forged.spawn(async move { client.post(address, &path_of("tipser"), &webhook).await });
    }
    rig.host
        .wait_for_log("a request that finds no place to wait", finds_no_place)
        .await?;
    rig.deliver("tipser", &sample).await?;

    assert_eq!(sns.silent_fetches(), 1, "all requests share one fetch");
    while let Some(answer) = forged.join_next().await {
        // An evicted connection gets no answer.
        assert!(answer?.map_or(true, |answer| answer.status == 503));
    }
    Ok(())
}

fn finds_no_place(line: &Line) -> bool {
    line.text
        .contains("too many requests are waiting for this document")
}

#[tokio::test(flavor = "multi_thread")]
async fn proven_certificate_survives_restart() -> Result<()> {
    let guest = guests::reference("tipser")?;
    let rig = Rig::start(quick(), &[("acme/tipser", &guest)]).await?;
    let sample = samples::one("tipser", "product-changed")?.body;
    rig.deliver("tipser", &sample).await?;
    let file = rig.site.path("data/certificates.json");
    eventually("the certificate to be stored", || async {
        Ok(file.exists().then_some(()))
    })
    .await?;
    assert_eq!(
        std::fs::metadata(&file)?.permissions().mode() & 0o777,
        0o600
    );

    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.terminate().await?;
    let rig = Rig::restarted(site, senders).await?;
    rig.deliver("tipser", &sample).await?;

    assert_eq!(
        rig.senders.tipser.certificate_fetches(),
        1,
        "the certificate was fetched before the restart"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_confirmation_is_retried_by_sns() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    let sns = &rig.senders.tipser;
    let webhook = sns.sign(sns.subscription_confirmation().0, SignatureVersion::V2);
    sns.fail_next_confirmation();
    assert_eq!(
        rig.post("tipser", &webhook).await?.status,
        503,
        "a 4xx would end the subscription for good"
    );
    assert_eq!(rig.post("tipser", &webhook).await?.status, 200);
    assert_eq!(sns.confirmations().len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_delivery_needs_credentials() -> Result<()> {
    let guest = guests::reference("tipser")?;
    let sources = |lines: &str| {
        quick()
            .source(
                "acme/raw-basic",
                &format!("{lines}\ndelivery = \"raw\"\nusername = \"sns\"\nsecrets = [{{ file = \"sns.password\" }}]"),
            )
            .source("acme/raw-path", &format!("{lines}\ndelivery = \"raw\"\nsecrets = [{{ file = \"sns.password\" }}]"))
    };
    let topic = format!(
        "provider = \"tipser\"\ntopics = [\"{}\"]",
        hookyard_testkit::sns::TOPIC
    );
    let plugins = [("acme/tipser", &guest)];
    let rig = Rig::prepared(sources(&topic), &plugins, |site| {
        site.write("sns.password", "s3cr3t-enough-to-be-one")
            .map(drop)
    });
    let rig = rig.await?;
    let raw = |name: &str| {
        Ok::<_, anyhow::Error>(rig.senders.tipser.raw(&samples::one("tipser", name)?.body))
    };
    let post = async |path: &str, webhook: &Webhook| {
        rig.client.post(rig.host.address(), path, webhook).await
    };

    // Amazon sends credentials only after a request for them.
    let challenged = post("/acme/raw-basic", &raw("product-changed")?).await?;
    assert_eq!(challenged.status, 401);
    let challenge = challenged
        .headers
        .get("www-authenticate")
        .context("401 asks for credentials")?;
    assert!(challenge.to_str()?.starts_with("Basic "));
    let basic =
        |credentials: &str| format!("Basic {}", hookyard_testkit::sign::base64(credentials));
    let with = raw("product-changed")?.and("authorization", &basic("sns:s3cr3t-enough-to-be-one"));
    assert_eq!(post("/acme/raw-basic", &with).await?.status, 200);
    let wrong = raw("product-changed")?.and("authorization", &basic("sns:wrong"));
    assert_eq!(post("/acme/raw-basic", &wrong).await?.status, 401);

    assert_eq!(
        post(
            "/acme/raw-path/s3cr3t-enough-to-be-one",
            &raw("collection-added")?
        )
        .await?
        .status,
        200
    );
    assert_eq!(
        post("/acme/raw-path/wrong", &raw("collection-added")?)
            .await?
            .status,
        401
    );
    assert_eq!(
        post("/acme/raw-path", &raw("collection-added")?)
            .await?
            .status,
        401
    );

    rig.all_done(2).await?;
    let log: String = rig
        .host
        .lines()
        .await?
        .into_iter()
        .map(|line| line.text)
        .collect();
    assert!(!log.contains("s3cr3t"), "the log contains no secret");
    Ok(())
}
