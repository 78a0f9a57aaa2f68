//! `/livez` and `/readyz`: ready while the host stores events, and not while it cannot or stops.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use hookyard_testkit::disk::{Condition, Disk};
use hookyard_testkit::http::{Client, Webhook};
use hookyard_testkit::receiver::{Receiver, Reply};
use hookyard_testkit::site::Site;
use hookyard_testkit::{eventually, guests};
use http::{Method, StatusCode};

use crate::admin::address;
use crate::rig::{Rig, fresh_payment, quick};

/// Returns the status and the text of the answer. The tests send no token.
async fn get(admin: SocketAddr, path: &str) -> Result<(u16, String)> {
    let answer = Client::http1()
        .send(Method::GET, admin, path, &Webhook::default())
        .await?;
    Ok((answer.status, answer.text().to_owned()))
}

/// Waits until the host is ready, or until it is not.
async fn readiness(admin: SocketAddr, expected: (u16, &str)) -> Result<()> {
    let is_expected = || async {
        let (status, text) = get(admin, "/readyz").await?;
        Ok(((status, &*text) == expected).then_some(()))
    };
    eventually(&format!("{expected:?}"), is_expected).await
}

const READY: (u16, &str) = (200, "ok\n");
const FAILING: (u16, &str) = (
    503,
    "not ready: the store does not store events; the log has the reason\n",
);

#[tokio::test(flavor = "multi_thread")]
async fn host_is_ready_while_its_disk_works() -> Result<()> {
    let mut disk = None;
    let config = quick().section(
        "admin",
        "listen = \"127.0.0.1:0\"\ntoken = { file = \"admin.token\" }",
    );
    let rig = Rig::prepared(config, &[], |site: &mut Site| {
        site.write("admin.token", "let me in")?;
        let made = Disk::of(site)?;
        for (name, value) in made.variables() {
            site.set_variable(&name, &value);
        }
        disk = Some(made);
        Ok(())
    })
    .await?;
    let (disk, admin) = (disk.expect("made just above"), address(&rig).await?);

    readiness(admin, READY).await?;
    for condition in [Condition::Full, Condition::Unsyncable, Condition::Broken] {
        disk.be(condition)?;
        readiness(admin, FAILING).await?;
        assert_eq!(get(admin, "/livez").await?.0, 200);
        disk.be(Condition::Well)?;
        readiness(admin, READY).await?;
        rig.deliver("topper", &fresh_payment().1).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn host_without_its_database_is_not_ready() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    let admin = address(&rig).await?;
    readiness(admin, READY).await?;

    let (database, aside) = (rig.site.path("data/hookyard.db"), rig.site.path("aside.db"));
    std::fs::rename(&database, &aside)?;
    readiness(admin, FAILING).await?;
    std::fs::rename(&aside, &database)?;
    readiness(admin, READY).await
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_host_is_live_and_not_ready() -> Result<()> {
    let receiver =
        Receiver::start_with(|| Reply::Late(Duration::from_secs(3), StatusCode::OK)).await?;
    let destination = format!(
        "url = \"{}/\"\nallow_http = true\naddresses = [\"127.0.0.1\"]\nsecrets = [{{ file = \"partner.secret\" }}]",
        receiver.url()
    );
    let config = quick()
        .section("tenants.acme.destinations.audit", &destination)
        .section("tenants.acme.grants", "destinations = [\"audit\"]");
    let rig = Rig::start(config, &[("acme/it", &guests::test("ledger")?)]).await?;
    let admin = address(&rig).await?;
    rig.deliver("topper", &fresh_payment().1).await?;
    receiver
        .wait_for("the delivery to begin", |received| received.len() == 1)
        .await?;

    rig.host.ask_to_end()?;
    readiness(admin, (503, "not ready: the host is stopping\n")).await?;
    assert_eq!(get(admin, "/livez").await?.0, 200);
    let (status, _) = rig.host.wait().await?;
    assert!(status.success(), "{status}");
    Ok(())
}
