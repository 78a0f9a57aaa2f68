//! Small components that need gigabytes to compile affect only their own compiler process.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use hookyard_hostile::{compile_bomb, good};
use hookyard_testkit::events::{is_activation, is_rejection};
use hookyard_testkit::eventually;
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::host::binary;
use hookyard_testkit::log::Line;
use hookyard_testkit::site::{Config, Site};
use serde_json::Value;

use crate::rig::{Rig, hookyard, quick, stdout_of};

const BOMB: &str = "mallory/bomb";
/// A second bomb, of another tenant.
const SECOND: &str = "umbrella/second";

/// The limits for compile bombs. The limit of wall time is high, so that the load of the machine
/// does not matter.
fn bounded(memory_max: &str, cpu_max: &str) -> Config {
    let limits =
        format!("memory_max = \"{memory_max}\"\ncpu_max = \"{cpu_max}\"\nwall_max = \"30m\"");
    quick().section("plugins.compile", &limits)
}

fn is_compilation(line: &Line, plugin: &str) -> bool {
    line.message().starts_with("compiling") && line.text_of("plugin") == plugin
}

/// Returns whether a line names the exceeded limit and its key.
fn names(text: &str, limit: &str, key: &str) -> bool {
    [limit, key, "[plugins.compile]"]
        .iter()
        .all(|words| text.contains(words))
        && text.lines().count() == 1
}

#[tokio::test(flavor = "multi_thread")]
async fn compile_bomb_is_refused_and_remembered() -> Result<()> {
    let names_the_limit = |text: &str| names(text, "536870912 bytes of memory", "memory_max");
    let rig = Rig::start(bounded("512MiB", "10m"), &[]).await?;

    // Half a megabyte that needs gigabytes to compile.
    rig.site
        .install(BOMB, &Guest::from(compile_bomb(1, 49_000, 1_000)))?;
    let refusal = rig
        .host
        .wait_for_log("a line about the bomb", |line| is_rejection(line, BOMB))
        .await?;
    assert!(names_the_limit(&refusal.text), "{}", refusal.text);
    let checked = hookyard(&rig.site, &["check"]).await?;
    let output = format!("{}{}", checked.stdout, checked.stderr);
    assert!(
        checked.code != Some(0) && output.lines().any(names_the_limit),
        "{output}"
    );

    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    let (status, log) = host.terminate().await?;
    assert!(status.success(), "{status}: {}", log.tail(20));
    let compilations = log
        .lines()
        .iter()
        .filter(|line| is_compilation(line, BOMB))
        .count();
    assert_eq!(compilations, 1, "the host compiled the bomb once");

    let rig = Rig::restarted(site, senders).await?;
    let refusal = rig
        .host
        .wait_for_log("a line about the bomb", |line| is_rejection(line, BOMB))
        .await?;
    assert!(names_the_limit(&refusal.text), "{}", refusal.text);
    let log = rig.host.log();
    assert!(
        !log.lines().iter().any(|line| is_compilation(line, BOMB)),
        "the bomb is compiled again: {}",
        log.tail(20)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn low_host_memory_refuses_no_component() -> Result<()> {
    let site = Site::temporary()?;
    site.configure(&bounded("1GiB", "10m"))?;
    site.install("acme/large", &Guest::from(compile_bomb(1, 2_000, 60)))?;

    let mut check = Command::new("sh");
    check
        .args(["-c", "ulimit -d 60000; exec \"$@\"", "sh"])
        .arg(binary()?)
        .arg("check");
    let bounded = check
        .env("HOOKYARD_CONFIG", site.config())
        .envs(site.environment().iter().cloned())
        .output()?;
    let output = String::from_utf8(bounded.stdout)?;
    assert_eq!(bounded.status.code(), Some(1), "{output}");
    assert!(
        output.contains("ulimit -d") && output.contains("plugins.compile.memory_max"),
        "{output}"
    );

    let checked = hookyard(&site, &["check"]).await?;
    assert_eq!(
        checked.code,
        Some(0),
        "the failure is not remembered: {}{}",
        checked.stdout,
        checked.stderr
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn compile_bomb_delays_no_other_tenant() -> Result<()> {
    let (bomb, orders) = (
        Guest::from(compile_bomb(100, 4_000, 100)),
        Guest::from(good()),
    );
    // Much memory, so that the limit of processor time comes first on any machine.
    let rig = Rig::start(bounded("8GiB", "6s"), &[]).await?;

    for plugin in [BOMB, "mallory/another"] {
        rig.site.install(plugin, &bomb)?;
    }
    rig.host
        .wait_for_log("a bomb to be compiled", |line| {
            line.message().starts_with("compiling")
        })
        .await?;
    rig.site.install("acme/orders", &orders)?;
    rig.host
        .wait_for_revision("acme/orders", &orders.revision())
        .await?;
    rig.host
        .wait_for_log("a line about the bomb", |line| is_rejection(line, BOMB))
        .await?;
    let refusal = rig
        .host
        .wait_for_log("a line about the other", |line| {
            is_rejection(line, "mallory/another")
        })
        .await?;
    assert!(
        names(&refusal.text, "6s of processor time", "cpu_max"),
        "{}",
        refusal.text
    );

    let lines = rig.host.lines().await?;
    let released = lines
        .iter()
        .position(|line| is_activation(line, "acme/orders", &orders.revision()));
    let refused = lines
        .iter()
        .position(|line| line.message() == "plugin refused");
    assert!(
        released < refused,
        "the release waited for another tenant's bomb"
    );
    let compilations = lines
        .iter()
        .filter(|line| line.text_of("plugin").starts_with("mallory/"));
    assert_eq!(
        compilations
            .filter(|line| line.message().starts_with("compiling"))
            .count(),
        1,
        "equal bombs are compiled once"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn active_plugins_serve_while_bomb_compiles() -> Result<()> {
    let (orders, later) = (guests::test("version-a")?, guests::test("version-b")?);
    let bomb = Guest::from(compile_bomb(100, 4_000, 100));
    // Compiling takes longer than the whole test.
    let prepare = |site: &mut Site| site.install(BOMB, &bomb);
    let rig = Rig::prepared(bounded("1GiB", "10m"), &[("acme/orders", &orders)], prepare).await?;
    rig.handles_one_more(&["orders"]).await?;

    let Rig {
        senders,
        host,
        site,
        ..
    } = rig;
    host.terminate().await?;
    site.install("acme/later", &later)?;
    let rig = Rig::restarted(site, senders).await?;
    // Previously active plugins receive their events while others are still being loaded.
    rig.handles_one_more(&["orders"]).await?;
    rig.host
        .wait_for_revision("acme/later", &later.revision())
        .await?;
    rig.handles_one_more(&["orders", "later"]).await?;

    let lines = rig.host.lines().await?;
    assert!(
        lines.iter().any(|line| is_compilation(line, BOMB)),
        "the bomb is compiled meanwhile"
    );
    assert!(
        !lines.iter().any(|line| is_rejection(line, BOMB)),
        "the bomb was refused too early"
    );
    Ok(())
}

/// Returns the host's compiler process as soon as there is one.
#[cfg(target_os = "linux")]
async fn compiler_of(host: u32) -> Result<rustix::process::Pid> {
    eventually("the process that compiles", || async move {
        for entry in std::fs::read_dir("/proc")? {
            let Ok(pid) = entry?.file_name().to_string_lossy().parse::<i32>() else {
                continue;
            };
            // After the name, which ends with the last bracket: the state and the parent process.
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let of = stat
                .rsplit(')')
                .next()
                .and_then(|rest| rest.split_whitespace().nth(1));
            if of == Some(&host.to_string()) {
                return Ok(rustix::process::Pid::from_raw(pid));
            }
        }
        Ok(None)
    })
    .await
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn compile_host_fault_backs_off() -> Result<()> {
    let rig = Rig::start(bounded("1GiB", "10m"), &[]).await?;
    rig.site
        .install(BOMB, &Guest::from(compile_bomb(100, 4_000, 100)))?;
    let (mut mark, mut pauses, mut killed) = (0, Vec::new(), None::<Instant>);
    for _ in 0..3 {
        let is_compiled = |line: &Line| is_compilation(line, BOMB);
        rig.host
            .wait_for_log_since(mark, "the bomb to be compiled", is_compiled)
            .await?;
        pauses.extend(killed.map(|killed| killed.elapsed()));
        let compiler = compiler_of(rig.host.pid()).await?;
        mark = rig.host.log().mark();
        killed = Some(Instant::now());
        // The system does this when it runs out of memory.
        rustix::process::kill_process(compiler, rustix::process::Signal::KILL)?;
    }
    assert!(
        pauses[0] >= Duration::from_secs(5) && pauses[1] >= Duration::from_secs(10),
        "{pauses:?}"
    );

    eventually("the reason to be listed", || async {
        let text = stdout_of(&rig.site, &["plugins", "list", "--json"]).await?;
        let line: Value = serde_json::from_str(text.lines().next().context("a line")?)?;
        let why = line["mismatch"].as_str().unwrap_or_default();
        Ok((line["state"] == "settled"
            && why.contains("the system killed the process that compiles"))
        .then_some(()))
    })
    .await
}

/// So many plugins that a limit on the number of kept components would show.
const PLUGINS: usize = 300;

/// Returns the number of components whose compiled code is kept.
fn entries(site: &Site) -> Result<usize> {
    let files = std::fs::read_dir(site.path("data/compiled"))?;
    let paths = files.map(|file| Ok(file?.path()));
    let paths = paths.collect::<Result<Vec<_>>>()?;
    let is_code = |path: &&std::path::PathBuf| path.extension().is_some_and(|end| end == "code");
    Ok(paths.iter().filter(is_code).count())
}

/// Makes all compiled code look as if it was last used two hours ago.
fn age_entries(site: &Site) -> Result<()> {
    let used_at = SystemTime::now() - Duration::from_secs(2 * 3600);
    for file in std::fs::read_dir(site.path("data/compiled"))? {
        let path = file?.path();
        if path.is_file() {
            let file = std::fs::File::options().append(true).open(path)?;
            file.set_modified(used_at)?;
        }
    }
    Ok(())
}

/// Returns the recorded steps of a plugin.
async fn steps(site: &Site, plugin: &str) -> Result<Value> {
    let shown = stdout_of(site, &["plugins", "show", plugin, "--json"]).await?;
    let shown: Value = serde_json::from_str(&shown)?;
    Ok(shown["steps"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn active_components_are_never_recompiled() -> Result<()> {
    let plugins: Vec<_> = (0..PLUGINS)
        .map(|number| {
            (
                format!("tenant-{}/plugin-{number:03}", number % 9),
                Guest::from(good()).tagged(&number.to_string()),
            )
        })
        .collect();
    // Nothing is kept that is not in use.
    let compile = "concurrency = 3\nunused_max = \"1B\"";
    let mut rig = Rig::start(quick().section("plugins.compile", compile), &[]).await?;
    let gone = ("tenant-0/gone".to_owned(), Guest::from(good()));
    for (plugin, guest) in plugins.iter().chain([&gone]) {
        rig.site.install(plugin, guest)?;
    }
    for (plugin, guest) in plugins.iter().chain([&gone]) {
        rig.host
            .wait_for_revision(plugin, &guest.revision())
            .await?;
    }
    age_entries(&rig.site)?;
    rig.site.uninstall(&gone.0)?;
    eventually("only the code of the removed plugin to go", async || {
        Ok((entries(&rig.site)? == PLUGINS).then_some(()))
    })
    .await?;
    let released = steps(&rig.site, "tenant-4/plugin-004").await?;

    for _ in 0..2 {
        let Rig {
            senders,
            host,
            site,
            ..
        } = rig;
        host.terminate().await?;
        rig = Rig::restarted(site, senders).await?;
        let ready = rig
            .host
            .wait_for_log("the plugins", |line| line.message() == "plugins ready")
            .await?;
        assert_eq!(ready.text_of("count"), PLUGINS.to_string());
        let compiled = rig
            .host
            .lines()
            .await?
            .iter()
            .filter(|line| line.message().starts_with("compiling"))
            .count();
        assert_eq!(compiled, 0, "a cached component is compiled again");
        assert_eq!(
            steps(&rig.site, "tenant-4/plugin-004").await?,
            released,
            "a start releases nothing"
        );
        assert_eq!(entries(&rig.site)?, PLUGINS);
    }

    // Nothing can be compiled within this limit, so `check` must find everything in the cache.
    let config = std::fs::read_to_string(rig.site.config())?;
    rig.site.write(
        "hookyard.toml",
        config.replace("concurrency = 3", "memory_max = \"1MiB\""),
    )?;
    let checked = hookyard(&rig.site, &["check"]).await?;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert_eq!(
        checked
            .stdout
            .lines()
            .filter(|line| line.starts_with("ok    plugin"))
            .count(),
        PLUGINS
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn writable_compiled_code_is_not_run() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let orders = Guest::from(good());
    let rig = Rig::start(quick(), &[("acme/orders", &orders)]).await?;
    let Rig { host, site, .. } = rig;
    host.terminate().await?;
    std::fs::set_permissions(
        site.path("data/compiled"),
        std::fs::Permissions::from_mode(0o777),
    )?;
    let started = hookyard(&site, &["serve"]).await?;
    assert!(
        started.code == Some(1) && started.stderr.contains("others may write to it"),
        "{started:?}"
    );
    let checked = hookyard(&site, &["check"]).await?;
    assert!(
        checked.code == Some(0) && checked.stdout.contains("ok    plugin acme/orders"),
        "{checked:?}"
    );
    std::fs::remove_dir_all(site.path("data/compiled"))?;
    let checked = hookyard(&site, &["check"]).await?;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(
        !site.path("data/compiled").exists(),
        "a check changes nothing"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_compilation_is_listed() -> Result<()> {
    let (bomb, orders) = (
        Guest::from(compile_bomb(100, 4_000, 100)),
        Guest::from(good()),
    );
    let limits = "memory_max = \"1GiB\"\ncpu_max = \"10m\"\nwall_max = \"30m\"\nconcurrency = 1";
    let rig = Rig::start(quick().section("plugins.compile", limits), &[]).await?;
    rig.host
        .wait_for_log("the start", |line| line.message() == "plugins ready")
        .await?;
    rig.site.install(BOMB, &bomb)?;
    rig.host
        .wait_for_log("the bomb to be compiled", |line| is_compilation(line, BOMB))
        .await?;
    rig.site.install(SECOND, &bomb.tagged("second"))?;
    let waits = |line: &Line| {
        line.message()
            .starts_with("plugin waits until other components are compiled")
    };
    rig.host
        .wait_for_log("the other plugin to wait", waits)
        .await?;
    for plugin in [BOMB, SECOND] {
        let is_seen =
            |line: &&Line| line.message() == "plugin seen" && line.text_of("plugin") == plugin;
        assert_eq!(
            rig.host.log().lines().iter().filter(is_seen).count(),
            1,
            "{plugin}"
        );
    }

    eventually("both to be listed", || async {
        let text = stdout_of(&rig.site, &["plugins", "list", "--json"]).await?;
        let states: BTreeMap<String, String> = text
            .lines()
            .map(serde_json::from_str::<Value>)
            .map(|line| {
                line.map(|line| {
                    (
                        line["plugin"].to_string(),
                        format!("{} since {}", line["state"], line["file_since"]),
                    )
                })
            })
            .collect::<Result<_, _>>()?;
        let is_listed = |plugin: &str, state: &str| {
            states
                .get(plugin)
                .is_some_and(|text| text.starts_with(state))
        };
        let are_listed = is_listed("\"bomb\"", "\"compiling\" since \"20")
            && is_listed("\"second\"", "\"queued\" since \"20");
        Ok(are_listed.then_some(()))
    })
    .await?;

    // A small component does not wait for large ones.
    rig.site.install("acme/orders", &orders)?;
    rig.host
        .wait_for_revision("acme/orders", &orders.revision())
        .await?;
    let (status, log) = rig.host.terminate().await?;
    assert!(status.success(), "{status}: {}", log.tail(20));
    Ok(())
}
