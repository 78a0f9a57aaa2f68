//! `hookyard wit`: lists the interfaces that plugins may import and export, their versions, and the
//! grants that they need. With `--out`, writes a WIT folder.

#[cfg(feature = "develop")]
mod folder;

use std::path::Path;

use clap::Args;
use hookyard_plugin::{OFFERS, RequiredGrant};
use hookyard_schemes::Provider;
use serde::Serialize;

use crate::cli::Failure;
use crate::output;

/// The arguments of `hookyard wit`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print one JSON object per line instead of a table
    #[arg(long)]
    json: bool,
    #[cfg(feature = "develop")]
    #[command(flatten)]
    folder: folder::FolderArguments,
}

/// An interface, or all interfaces of a package.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Line {
    /// `import` or `export`.
    direction: &'static str,
    name: String,
    versions: String,
    /// What an operator must write in `[grants]`.
    grant: Option<String>,
}

/// Lists the interfaces, including the ones of the providers of the configuration at `path`, or
/// writes a WIT folder.
pub(crate) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    #[cfg(feature = "develop")]
    if arguments.folder.is_used() {
        return folder::write(path, &arguments.folder);
    }

    let settings = hookyard_config::read(path).result?;
    let lines = lines(settings.providers.values().map(|provider| &**provider));

    if arguments.json {
        for line in lines {
            output::line(serde_json::to_string(&line).expect("text can be written as JSON"))?;
        }
        return Ok(());
    }
    let name_width = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    let versions_width = lines.iter().map(|line| line.versions.len()).max();
    let versions_width = versions_width.unwrap_or(0);
    for line in &lines {
        let Line {
            direction,
            name,
            versions,
            grant,
        } = line;
        let grant = grant.as_deref().unwrap_or_default();
        let text = format!("{direction}  {name:name_width$}  {versions:versions_width$}  {grant}");
        output::line(text.trim_end())?;
    }
    Ok(())
}

/// Returns all imports, followed by all exports.
fn lines<'p>(providers: impl Iterator<Item = &'p Provider>) -> Vec<Line> {
    let mut imports: Vec<_> = OFFERS
        .iter()
        .map(|offer| Line {
            direction: "import",
            name: offer.name.to_owned(),
            versions: offer.versions.to_string(),
            grant: grant(offer.grant),
        })
        .collect();
    let mut exports = vec![Line {
        direction: "export",
        name: "hookyard:plugin/handler".to_owned(),
        versions: "0.1.x".to_owned(),
        grant: None,
    }];

    for provider in providers {
        let Provider { name, package, .. } = provider;
        let versions = if provider.versions.is_empty() {
            "any".to_owned()
        } else {
            provider.versions.join(", ")
        };
        exports.push(Line {
            direction: "export",
            name: format!("{package}/handler"),
            versions: versions.clone(),
            grant: None,
        });
        if !provider.outgoing.types.is_empty() {
            imports.push(Line {
                direction: "import",
                name: package.clone(),
                versions,
                grant: Some(format!("destinations, one with provider = \"{name}\"")),
            });
        }
    }

    imports.extend(exports);
    imports
}

/// Returns the key of `[grants]` for a need, and its value.
fn grant(need: RequiredGrant) -> Option<String> {
    let key = need.key()?;
    Some(match need {
        RequiredGrant::Destination => format!("{key}, by name"),
        RequiredGrant::Http => format!("{key}, by host"),
        _ => format!("{key} = true"),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use hookyard_config::document::Sink;
    use hookyard_config::providers;
    use hookyard_config::references::Resolver;

    #[test]
    fn offers_and_providers_are_listed() {
        let providers = providers::all(
            None,
            &Resolver::of_process(Path::new("x.toml")),
            &Sink::default(),
        );
        let topper = Provider {
            versions: vec!["0.9".into(), "1".into()],
            ..Provider::clone(&providers["topper"])
        };
        let listed = lines([&topper, &Arc::clone(&providers["topi-saas"])].into_iter());
        let find = |name: &str| {
            listed
                .iter()
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
        assert!(
            find("topper:webhooks").is_empty(),
            "this provider has no outgoing events"
        );
    }
}
