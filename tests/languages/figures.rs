//! Sizes and times of each language's plugin, for the table in `docs/languages.md`.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hookyard_testkit::log::Line;

use crate::Case;
use crate::bench::{AttemptLog, Bench, offer};

pub(crate) const CASES: &[Case] = &[
    Case::of_all("component", size),
    Case::of_all("build after a change", build_time),
    Case::of_all("from the file to active, next build", active_time),
    Case::of_all("attempt with a fresh instance", |bench| attempts(bench, "")),
    Case::of_all("attempt with a reused instance", |bench| {
        attempts(bench, "reuse = { events = 1000, idle = \"60s\" }\n")
    }),
];

/// The plugin of this module: the example.
const PLUGIN: &str = "decide";
/// The number of measured attempts. The table has their medians.
const ATTEMPTS: usize = 21;

fn size(bench: &Bench) -> Result<Option<String>> {
    let bytes = bench.yard()?.plugin(PLUGIN)?.build.guest.bytes().len();
    Ok(Some(format!("{} KiB", bytes.div_ceil(1 << 10))))
}

fn build_time(bench: &Bench) -> Result<Option<String>> {
    let _change = bench.change();
    let folder = &bench.yard()?.plugin(PLUGIN)?.folder;
    folder.edit("the lines come to", "the lines add up to")?;
    let duration = folder.build()?.duration;
    folder.edit("the lines add up to", "the lines come to")?;
    Ok(Some(seconds(duration)))
}

/// Measures the release of the same engine with another script.
fn active_time(bench: &Bench) -> Result<Option<String>> {
    let _change = bench.change();
    let folder = &bench.yard()?.plugin(PLUGIN)?.folder;
    folder.edit("paused in [config]", "paused in the settings")?;
    let build = folder.build()?;
    folder.edit("paused in the settings", "paused in [config]")?;

    bench.run(async |yard| {
        let began = Instant::now();
        yard.site.install(&format!("acme/{PLUGIN}"), &build.guest)?;
        yard.active(PLUGIN, &build.guest).await?;
        Ok(Some(seconds(began.elapsed())))
    })
}

/// Measures attempts under additional settings.
fn attempts(bench: &Bench, settings: &str) -> Result<Option<String>> {
    let _change = bench.change();
    bench.run(async |yard| {
        let path = format!("plugins/acme/{PLUGIN}.toml");
        let before = std::fs::read_to_string(yard.site.path(&path))?;
        let mark = yard.host.log().mark();
        let text = format!("{settings}{before}");
        if text != before {
            yard.site.write(&path, text)?;
            let is_applied = |line: &Line| {
                line.text_of("plugin") == format!("acme/{PLUGIN}")
                    && ["plugin active", "plugin refused"].contains(&&*line.message())
            };
            let line = yard
                .host
                .wait_for_log_since(mark, "the settings to apply", is_applied)
                .await?;
            ensure!(line.message() != "plugin refused", "{}", line.text);
        }

        let mut measured = Vec::new();
        for number in 0..ATTEMPTS {
            let attempt = yard
                .attempt(PLUGIN, &offer(&format!("measured-{number}")).to_string())
                .await?;
            attempt.must_be("done")?;
            measured.push(attempt);
        }
        yard.site.write(&path, before)?;
        Ok(Some(summary(&measured)))
    })
}

/// Returns the medians of duration, processor time and memory.
fn summary(attempts: &[AttemptLog]) -> String {
    let times = |name: &str| {
        median(
            attempts
                .iter()
                .map(|it| milliseconds(&it.end.text_of(name))),
        )
    };
    let memory = median(
        attempts
            .iter()
            .map(|it| it.end.text_of("memory_bytes").parse().unwrap_or_default()),
    );
    format!(
        "{:.2} ms, {:.2} ms CPU, {:.1} MiB",
        times("duration"),
        times("cpu"),
        memory / f64::from(1 << 20)
    )
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Reads a duration of the log, such as `1.98539ms`, in milliseconds.
fn milliseconds(text: &str) -> f64 {
    let (factor, number) = if let Some(number) = text.strip_suffix("ms") {
        (1.0, number)
    } else if let Some(number) = text.strip_suffix("µs") {
        (1e-3, number)
    } else if let Some(number) = text.strip_suffix("ns") {
        (1e-6, number)
    } else {
        (1e3, text.trim_end_matches('s'))
    };
    number.parse::<f64>().unwrap_or_default() * factor
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
