//! Components that are small as files and take gigabytes to compile: each costs its own process and nobody else.

use anyhow::Result;
use hookyard_hostile::{compile_bomb, good};
use hookyard_testkit::events::{is_activation, is_rejection};
use hookyard_testkit::guests::Guest;
use hookyard_testkit::log::Line;
use hookyard_testkit::site::Config;

use crate::rig::{Rig, hookyard, quick};

const BOMB: &str = "mallory/bomb";

/// The limits under which bombs are compiled. Wall time is out of the way, whatever else the machine does.
fn bounded(memory_max: &str, cpu_max: &str) -> Config {
    let limits = format!("memory_max = \"{memory_max}\"\ncpu_max = \"{cpu_max}\"\nwall_max = \"30m\"");
    quick().section("plugins.compile", &limits)
}

fn is_compilation(line: &Line, plugin: &str) -> bool {
    line.message() == "compiling" && line.text_of("plugin") == plugin
}

/// Whether a line says which limit was exceeded, and by which key it is raised.
fn names(text: &str, limit: &str, key: &str) -> bool {
    [limit, key, "[plugins.compile]"].iter().all(|words| text.contains(words)) && text.lines().count() == 1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compile_bomb_is_refused_and_never_compiled_again() -> Result<()> {
    let names_the_limit = |text: &str| names(text, "536870912 bytes of memory", "memory_max");
    let rig = Rig::start(bounded("512MiB", "10m"), &[]).await?;

    // Half a megabyte that takes gigabytes.
    rig.site.install(BOMB, &Guest::from(compile_bomb(1, 49_000, 1_000)))?;
    let refusal = rig.host.wait_for_log("a line about the bomb", |line| is_rejection(line, BOMB)).await?;
    assert!(names_the_limit(&refusal.text), "{}", refusal.text);
    let checked = hookyard(&rig.site, &["check"]).await?;
    let told = format!("{}{}", checked.stdout, checked.stderr);
    assert!(checked.code != Some(0) && told.lines().any(names_the_limit), "{told}");

    let Rig { senders, host, site, .. } = rig;
    let (status, log) = host.terminate().await?;
    assert!(status.success(), "{status}: {}", log.tail(20));
    let compilations = log.lines().iter().filter(|line| is_compilation(line, BOMB)).count();
    assert_eq!(compilations, 1, "the host compiled the bomb once");

    let rig = Rig::restarted(site, senders).await?;
    let refusal = rig.host.wait_for_log("a line about the bomb", |line| is_rejection(line, BOMB)).await?;
    assert!(names_the_limit(&refusal.text), "{}", refusal.text);
    let log = rig.host.log();
    assert!(!log.lines().iter().any(|line| is_compilation(line, BOMB)), "the bomb is compiled again: {}", log.tail(20));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_does_not_wait_for_another_tenants_bombs() -> Result<()> {
    let (bomb, orders) = (Guest::from(compile_bomb(100, 4_000, 100)), Guest::from(good()));
    let rig = Rig::start(bounded("1GiB", "6s"), &[]).await?;

    for plugin in [BOMB, "mallory/another"] {
        rig.site.install(plugin, &bomb)?;
    }
    rig.host.wait_for_log("a bomb to be compiled", |line| line.message() == "compiling").await?;
    rig.site.install("acme/orders", &orders)?;
    rig.host.wait_for_revision("acme/orders", &orders.revision()).await?;
    rig.host.wait_for_log("a line about the bomb", |line| is_rejection(line, BOMB)).await?;
    let refusal = rig.host.wait_for_log("a line about the other", |line| is_rejection(line, "mallory/another")).await?;
    assert!(names(&refusal.text, "6s of processor time", "cpu_max"), "{}", refusal.text);

    let lines = rig.host.log().lines();
    let released = lines.iter().position(|line| is_activation(line, "acme/orders", &orders.revision()));
    let refused = lines.iter().position(|line| line.message() == "plugin refused");
    assert!(released < refused, "the release waited for another tenant's bomb");
    let compilations = lines.iter().filter(|line| line.text_of("plugin").starts_with("mallory/"));
    assert_eq!(compilations.filter(|line| line.message() == "compiling").count(), 1, "equal bombs are compiled once");
    Ok(())
}
