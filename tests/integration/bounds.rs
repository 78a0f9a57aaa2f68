//! Lists that a tenant can fill: the host keeps the first entries, reports how many it left out,
//! and needs no more memory.

use anyhow::Result;
use hookyard_testkit::events::is_rejection;
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::site::Site;
use serde_json::Value;

use crate::rig::{Rig, hookyard, quick, stdout_of};

const EVIL: &str = "acme/evil";
const SECTION: &str = "hookyard:fixtures";
const MIB: u64 = 1 << 20;

/// Drops a component and returns the growth of the host's memory when the component is active.
async fn dropped(rig: &Rig, guest: &Guest) -> Result<u64> {
    let before = rig.used("VmRSS")?;
    rig.site.install(EVIL, guest)?;
    rig.host.wait_for_revision(EVIL, &guest.revision()).await?;
    Ok(rig.used("VmRSS")?.saturating_sub(before))
}

#[tokio::test(flavor = "multi_thread")]
async fn fixture_memory_and_faults_are_bounded() -> Result<()> {
    let (good, echo) = (guests::test("version-a")?, guests::test("untyped-echo")?);
    let rig = Rig::start(quick(), &[("acme/books", &good)]).await?;

    // Ten megabytes of invalid fixtures.
    let ones = format!("[{}]", vec!["1"; 5_000_000].join(","));
    let more = dropped(&rig, &echo.with_section(SECTION, ones.as_bytes())).await?;
    assert!(more < 100 * MIB, "{} MiB more", more / MIB);
    let shown: Value =
        serde_json::from_str(&stdout_of(&rig.site, &["plugins", "show", EVIL, "--json"]).await?)?;
    let shown = shown.to_string();
    assert!(
        shown.contains("fixtures that cannot be read"),
        "{}",
        &shown[..shown.len().min(4000)]
    );
    let checked = hookyard(&rig.site, &["check"]).await?;
    let faults = checked
        .stdout
        .lines()
        .filter(|line| line.contains("fixtures: "))
        .count();
    assert!(faults <= 102, "{faults} faults are reported");
    assert!(
        checked.stdout.contains("more faults in fixtures"),
        "{}",
        checked.stdout
    );

    // Eight megabytes of valid fixtures.
    let values: Vec<_> = (0..80_000)
        .map(|number| format!("\"{number}\":1"))
        .collect();
    let event = "\"event\":{\"provider\":\"topper\",\"body\":{\"id\":1}}";
    let fixture = format!(
        "{{{event},\"expect\":{{\"values\":{{\"b\":{{{}}}}}}}}}",
        values.join(",")
    );
    let all = format!("[{}]", vec![fixture; 10].join(","));
    // The allocator keeps memory from parsing one fixture at a time. All fixtures parsed at once
    // would need several times as much.
    let more = dropped(&rig, &echo.with_section(SECTION, all.as_bytes())).await?;
    assert!(more < 160 * MIB, "{} MiB more", more / MIB);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn reported_faults_and_names_are_bounded() -> Result<()> {
    let echo = guests::test("untyped-echo")?;
    let prepare = |site: &mut Site| {
        let keys: String = (0..20_000)
            .map(|number| format!("key{number} = 1\n"))
            .collect();
        site.write(&format!("plugins/{EVIL}.toml"), keys).map(drop)
    };
    let rig = Rig::prepared(quick(), &[], prepare).await?;
    rig.site.install(EVIL, &echo)?;
    let line = rig
        .host
        .wait_for_log("the plugin to be refused", |line| is_rejection(line, EVIL))
        .await?;
    let reason = line.text_of("reason");
    assert!(
        reason.len() < 30_000 && reason.contains("and 19900 more faults"),
        "{} bytes",
        reason.len()
    );

    let checked = hookyard(&rig.site, &["check"]).await?;
    assert!(
        checked.stdout.len() < 30_000,
        "{} bytes",
        checked.stdout.len()
    );
    Ok(())
}
