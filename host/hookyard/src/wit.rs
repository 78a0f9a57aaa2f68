//! `hookyard wit`: what plugins may import and export here, in which versions, and what has to be granted for it.

use std::path::Path;

use hookyard_plugin::OFFERS;
use hookyard_verify::Provider;
use serde::Serialize;

use crate::cli::Failure;
use crate::config;

/// One interface, or all of a package.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Line {
    /// What a plugin does with it.
    direction: &'static str,
    name: String,
    versions: String,
    /// The lines that an operator adds for it.
    grant: Option<String>,
}

/// Tells all of it, with the providers of the configuration at `path`.
pub(crate) fn tell(path: &Path, json: bool) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let lines = lines(settings.providers.values().map(|provider| &**provider));
    if json {
        for line in lines {
            println!("{}", serde_json::to_string(&line).expect("texts make JSON"));
        }
        return Ok(());
    }
    let width = |of: fn(&Line) -> usize| lines.iter().map(of).max().unwrap_or_default();
    let (name, versions) = (width(|line| line.name.len()), width(|line| line.versions.len()));
    for Line { direction, name: told, versions: in_versions, grant } in &lines {
        let grant = grant.as_deref().unwrap_or_default().replace('\n', " ");
        let line = format!("{direction}  {told:name$}  {in_versions:versions$}  {grant}");
        println!("{}", line.trim_end());
    }
    Ok(())
}

fn lines<'p>(providers: impl Iterator<Item = &'p Provider>) -> Vec<Line> {
    let line = |direction, name: String, versions: String, grant: Option<String>| Line {
        direction,
        name,
        versions,
        grant: grant.filter(|grant| !grant.is_empty()),
    };
    let offered = OFFERS.iter().map(|offer| {
        line("import", offer.name.to_owned(), offer.versions.to_string(), Some(offer.need.lines().to_owned()))
    });
    let mut imports: Vec<_> = offered.collect();
    let mut exports = vec![line("export", "hookyard:plugin/handler".to_owned(), "0.1.x".to_owned(), None)];
    for Provider { name, package, versions, outgoing, .. } in providers {
        let versions = if versions.is_empty() { "any".to_owned() } else { versions.join(", ") };
        exports.push(line("export", format!("{package}/handler"), versions.clone(), None));
        if !outgoing.types.is_empty() {
            let grant = format!("destinations = [\"partner\"] # one that has provider = \"{name}\"");
            imports.push(line("import", package.clone(), versions, Some(grant)));
        }
    }
    imports.extend(exports);
    imports
}
