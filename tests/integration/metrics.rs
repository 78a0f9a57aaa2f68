//! The metrics of a running host.

use anyhow::Result;
use hookyard_testkit::guests;
use hookyard_testkit::host::run;
use hookyard_testkit::http::{Answer, Webhook};
use hookyard_testkit::site::{Config, Site};
use http::Method;

use crate::admin::address;
use crate::rig::{Rig, fresh_payment, quick};

async fn get(rig: &Rig, path: &str, request: &Webhook) -> Result<Answer> {
    rig.client
        .send(Method::GET, address(rig).await?, path, request)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_requests_and_attempts() -> Result<()> {
    let books = guests::reference("topper")?;
    let rig = Rig::start(quick(), &[("acme/books", &books)]).await?;
    rig.deliver("topper", &fresh_payment().1).await?;
    rig.all_done(1).await?;
    let plain = Webhook::json("");
    rig.post("topper", &plain).await?;
    // The host logs every attempt before it counts the attempt as ended.
    rig.host
        .wait_for_log("the attempt", hookyard_testkit::events::is_attempt)
        .await?;
    let answer = get(&rig, "/metrics", &plain).await?;
    assert_eq!(
        (answer.status, answer.headers["content-type"].to_str()?),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    let text = answer.text();
    for line in [
        r#"hookyard_attempts_total{tenant="acme",plugin="books",outcome="done"} 1"#,
        r#"hookyard_attempt_cpu_seconds_count{tenant="acme",plugin="books"} 1"#,
        r#"hookyard_attempt_memory_bytes_bucket{tenant="acme",plugin="books",le="67108864"} 1"#,
        r#"hookyard_requests_total{status="200",reason="stored"} 1"#,
        r#"hookyard_request_seconds_count{reason="stored"} 1"#,
        r#"hookyard_refusals_total{tenant="acme",source="payments",reason="missing-header"} 1"#,
    ] {
        assert!(
            text.lines().any(|written| written == line),
            "no {line} in\n{text}"
        );
    }
    assert!(
        text.lines()
            .any(|line| line.starts_with(r#"hookyard_requests_total{status="401""#)),
        "{text}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_require_the_token() -> Result<()> {
    let config = quick().section(
        "admin",
        "listen = \"127.0.0.1:0\"\ntoken = { file = \"admin.token\" }",
    );
    let rig = Rig::prepared(config, &[], |site| {
        site.write("admin.token", "let me in").map(drop)
    })
    .await?;
    let plain = Webhook::json("");
    for (shown, expected) in [
        (None, 401),
        (Some("Bearer let me"), 401),
        (Some("Bearer let me in"), 200),
    ] {
        let request = shown.map_or(plain.clone(), |shown| {
            plain.clone().and("authorization", shown)
        });
        assert_eq!(
            get(&rig, "/metrics", &request).await?.status,
            expected,
            "{shown:?}"
        );
    }
    assert!(
        rig.host
            .lines()
            .await?
            .iter()
            .all(|line| !line.text.contains("let me in"))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn used_admin_address_is_reported() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?;
    let site = Site::temporary()?;
    site.configure(&Config::new().section("admin", &format!("listen = \"{address}\"")))?;
    let ended = run(&["serve", "--config", &site.config().to_string_lossy()]).await?;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let expected = format!(
        "the admin listener cannot use {address}; name another address by `listen` in [admin]"
    );
    assert!(ended.stderr.contains(&expected), "{}", ended.stderr);
    Ok(())
}
