//! `hookyard wit`: what plugins may import and export here, in which versions, and what has to be granted for it.

use std::path::Path;

use clap::Args;
use hookyard_plugin::{Need, OFFERS};
use hookyard_schemes::Provider;
use serde::Serialize;

use crate::cli::Failure;
use crate::output;
use hookyard_config as config;

/// The arguments of `hookyard wit`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print one JSON object per line instead of a table
    #[arg(long)]
    json: bool,
}

/// One interface, or all of a package.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Line {
    /// What a plugin does with it.
    direction: &'static str,
    name: String,
    versions: String,
    /// What an operator grants for it.
    grant: Option<String>,
}

/// Tells all of it, with the providers of the configuration at `path`.
pub(crate) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let lines = lines(settings.providers.values().map(|provider| &**provider));
    if arguments.json {
        for line in lines {
            output::line(serde_json::to_string(&line).expect("texts make JSON"))?;
        }
        return Ok(());
    }
    let width = |of: fn(&Line) -> usize| lines.iter().map(of).max().unwrap_or_default();
    let (name, versions) = (
        width(|line| line.name.len()),
        width(|line| line.versions.len()),
    );
    for Line {
        direction,
        name: told,
        versions: in_versions,
        grant,
    } in &lines
    {
        let grant = grant.as_deref().unwrap_or_default();
        let line = format!("{direction}  {told:name$}  {in_versions:versions$}  {grant}");
        output::line(line.trim_end())?;
    }
    Ok(())
}

fn lines<'p>(providers: impl Iterator<Item = &'p Provider>) -> Vec<Line> {
    let line = |direction, name, versions, grant| Line {
        direction,
        name,
        versions,
        grant,
    };
    let offered = OFFERS.iter().map(|offer| {
        line(
            "import",
            offer.name.to_owned(),
            offer.versions.to_string(),
            grant(offer.need),
        )
    });
    let mut imports: Vec<_> = offered.collect();
    let mut exports = vec![line(
        "export",
        "hookyard:plugin/handler".to_owned(),
        "0.1.x".to_owned(),
        None,
    )];
    for Provider {
        name,
        package,
        versions,
        outgoing,
        ..
    } in providers
    {
        let versions = if versions.is_empty() {
            "any".to_owned()
        } else {
            versions.join(", ")
        };
        exports.push(line(
            "export",
            format!("{package}/handler"),
            versions.clone(),
            None,
        ));
        if !outgoing.types.is_empty() {
            let grant = format!("destinations, one that has provider = \"{name}\"");
            imports.push(line("import", package.clone(), versions, Some(grant)));
        }
    }
    imports.extend(exports);
    imports
}

/// A key of `[grants]`, and what it is to be.
fn grant(need: Need) -> Option<String> {
    let key = need.key()?;
    Some(match need {
        Need::Destination => format!("{key}, of the tenant's"),
        Need::Http => format!("{key}, by host"),
        _ => format!("{key} = true"),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use hookyard_config::document::Sink;
    use hookyard_config::provider;
    use hookyard_config::references::Surroundings;

    #[test]
    fn each_offer_and_each_provider_has_its_lines() {
        let providers = provider::all(
            None,
            &Surroundings::of_process(Path::new("x.toml")),
            &Sink::default(),
        );
        let topper = Provider {
            versions: vec!["0.9".into(), "1".into()],
            ..Provider::clone(&providers["topper"])
        };
        let told = lines([&topper, &Arc::clone(&providers["topi-saas"])].into_iter());
        let find = |name: &str| {
            told.iter()
                .filter(|line| line.name == name)
                .collect::<Vec<_>>()
        };
        let line = |direction, name: &str, versions: &str, grant: Option<&str>| Line {
            direction,
            name: name.to_owned(),
            versions: versions.to_owned(),
            grant: grant.map(str::to_owned),
        };
        for expected in [
            line("import", "wasi:io", "0.2.x (to 0.2.12)", None),
            line(
                "import",
                "wasi:logging/logging",
                "without a version, 0.1.0-draft",
                Some("logging = true"),
            ),
            line("export", "topper:webhooks/handler", "0.9, 1", None),
            line("export", "topi-saas:webhooks/handler", "any", None),
        ] {
            assert_eq!(find(&expected.name), [&expected]);
        }
        let sends = find("topi-saas:webhooks");
        assert!(
            sends[0]
                .grant
                .as_ref()
                .is_some_and(|grant| grant.contains("provider = \"topi-saas\""))
        );
        assert!(find("topper:webhooks").is_empty(), "it has nothing to send");
    }
}
