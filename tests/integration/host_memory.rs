//! When the host gets no memory for a plugin, the plugin is not blamed and no attempt is used up.

use anyhow::{Context, Result};
use hookyard_testkit::guests;
use hookyard_testkit::log::Line;
use hookyard_testkit::site::{Config, Site};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::rig::{Rig, fresh_payment, quick, stdout_of};

const PLUGIN: &str = "acme/books";
const MIB: u64 = 1 << 20;

/// Three attempts for each event, and quarantine after three failed events.
fn strict() -> Config {
    quick().section("quarantine", "events_min = 3\nwindow = \"1h\"")
}

/// Sets a resource limit of the running host; `None` removes the limit.
pub(crate) fn bound(rig: &Rig, resource: Resource, bytes: Option<u64>) -> Result<()> {
    let pid = i32::try_from(rig.host.pid()).ok().and_then(Pid::from_raw);
    prlimit(
        pid,
        resource,
        Rlimit {
            current: bytes,
            maximum: None,
        },
    )
    .map(drop)
    .context("no limit can be set")
}

fn is_host_fault(line: &Line) -> bool {
    line.message()
        .starts_with("the host could not run a plugin")
        && line.level() == "ERROR"
}

/// Sends events that the host cannot run, waits until it has failed several times with each, and
/// removes the limit.
async fn starved(rig: &Rig, resource: Resource, bytes: u64) -> Result<()> {
    bound(rig, resource, Some(bytes))?;
    for _ in 0..4 {
        rig.deliver("topper", &fresh_payment().1).await?;
    }
    let mut mark = rig.host.log().mark();
    for _ in 0..4 {
        let line = rig
            .host
            .wait_for_log_since(mark, "the host to fail", is_host_fault)
            .await?;
        assert!(
            line.text_of("reason")
                .starts_with("the host has no memory for the plugin: "),
            "{}",
            line.text
        );
        mark = rig.host.log().mark();
    }
    for event in rig.host.events().await? {
        let job = event.job("books").context("its job")?;
        assert!(job.last_outcome.is_none() && job.attempts <= 1, "{job:?}");
    }
    let metrics = rig.metrics().await?;
    assert!(
        metrics.contains(r#"hookyard_host_faults_total{tenant="acme",plugin="books"}"#),
        "{metrics}"
    );
    let listed = stdout_of(&rig.site, &["plugins", "list", "--json"]).await?;
    assert!(!listed.contains("it failed at"), "{listed}");

    bound(rig, resource, None)?;
    for event in rig.all_done(4).await? {
        let job = event.job("books").context("its job")?;
        assert_eq!(job.attempts, 1, "{job:?}");
    }
    assert!(
        !rig.host
            .lines()
            .await?
            .iter()
            .any(|line| line.target() == "hookyard::quarantine")
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn exhausted_host_memory_blames_no_plugin() -> Result<()> {
    let echo = guests::test("untyped-echo")?;
    // More than a slot of the pool has, so that each instance needs new address space.
    let beside_the_pool = |site: &mut Site| {
        site.write(
            &format!("plugins/{PLUGIN}.toml"),
            "limits = { table_elements_max = 200_000 }",
        )
        .map(drop)
    };
    let rig = Rig::prepared(strict(), &[(PLUGIN, &echo)], beside_the_pool).await?;
    let bytes = rig.used("VmSize")? + 1024 * MIB;
    starved(&rig, Resource::As, bytes).await
}

#[tokio::test(flavor = "multi_thread")]
async fn host_out_of_memory_blames_no_guest() -> Result<()> {
    let grower = guests::test("grow-at-once")?;
    let config = strict().section("plugins.limits", "memory_max = \"256MiB\"");
    let rig = Rig::start(config, &[(PLUGIN, &grower)]).await?;
    let bytes = rig.used("VmData")? + 64 * MIB;
    starved(&rig, Resource::Data, bytes).await
}
