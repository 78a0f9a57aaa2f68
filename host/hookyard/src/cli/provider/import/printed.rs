//! What an import prints.

use std::fmt::Display;

use hookyard_import::diff::{Change, Class, versions_line};
use hookyard_import::{Fate, Planned};
use serde_json::json;

use super::{Outcome, count};
use crate::cli::Failure;
use crate::output;

/// Prints an object for each file, change, plugin and note, and a summary at the end.
pub(super) fn lines_of_json(outcome: &Outcome) -> Result<(), Failure> {
    let imported = &outcome.imported;
    for file in &outcome.planned {
        output::line(json!({"kind": "file", "path": file.path, "fate": fate(file)}))?;
    }
    for change in &imported.changes {
        output::line(change_object(change, None))?;
    }
    for plugin in outcome.affected.iter().flatten() {
        let file = plugin.file.display().to_string();
        for change in &plugin.changes {
            output::line(change_object(change, Some(&file)))?;
        }
    }
    for line in &outcome.missing_events {
        output::line(json!({"kind": "missing-event", "line": line}))?;
    }
    for skipped in &imported.skipped {
        output::line(json!({"kind": "skipped", "text": skipped}))?;
    }
    for note in &imported.notes {
        output::line(json!({"kind": "note", "text": note}))?;
    }
    output::line(json!({
        "kind": "summary",
        "events": imported.events.len(),
        "types": imported.types,
        "parts": imported.parts,
        "package": imported.lock.package,
        "is_breaking": outcome.is_breaking(),
        "is_written": outcome.is_written,
    }))
}

fn change_object(change: &Change, plugin: Option<&str>) -> impl Display {
    let mut object = change.to_json();
    object["kind"] = "change".into();
    if let Some(plugin) = plugin {
        object["plugin"] = plugin.into();
    }
    object
}

/// Prints the files, the changes and the notes for a person.
pub(super) fn text(outcome: &Outcome) -> Result<(), Failure> {
    files(outcome)?;
    if outcome.is_further {
        changes(outcome)?;
    }
    if let Some(plugins) = &outcome.affected {
        output::line("")?;
        if plugins.is_empty() {
            output::line("no plugin in the folder handles these events")?;
        }
        for plugin in plugins {
            output::line(format_args!(
                "{}: {}",
                plugin.file.display(),
                counted(&plugin.changes)
            ))?;
            for change in &plugin.changes {
                output::line(format_args!("  {change}"))?;
            }
        }
    }
    missing_events(outcome)?;
    for skipped in &outcome.imported.skipped {
        output::line(format_args!("not imported: {skipped}"))?;
    }
    for note in &outcome.imported.notes {
        output::line(format_args!("note: {note}"))?;
    }
    next(outcome)
}

fn files(outcome: &Outcome) -> Result<(), Failure> {
    let imported = &outcome.imported;
    output::line(format_args!(
        "{}: {}, {}, {}",
        imported.name,
        number(imported.events.len() as u64, "event"),
        number(imported.types as u64, "type"),
        number(imported.parts, "part")
    ))?;
    for file in &outcome.planned {
        let beside = match file.fate {
            Fate::Beside => format!(" (it was edited; see {}.new)", file.path),
            _ => String::new(),
        };
        let path = outcome.folder.join(&file.path);
        output::line(format_args!(
            "  {:<9} {}{beside}",
            fate(file),
            path.display()
        ))?;
    }
    Ok(())
}

fn number(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

fn fate(file: &Planned) -> &'static str {
    match file.fate {
        Fate::New => "new",
        Fate::Replaced => "replaced",
        Fate::Kept => "kept",
        Fate::Beside => "beside",
    }
}

fn changes(outcome: &Outcome) -> Result<(), Failure> {
    let changes = &outcome.imported.changes;
    output::line("")?;
    output::line(format_args!("since the last import: {}", counted(changes)))?;
    for change in changes {
        output::line(change)?;
    }
    if count(changes, Class::Breaking) > 0 {
        let package = &outcome.imported.lock.package;
        output::line(format_args!(
            "the package has the version {package}; `{}` in provider.toml refuses plugins of an \
             older version",
            versions_line(package)
        ))?;
    }
    if changes.iter().any(|it| it.what.class() != Class::Additive) {
        output::line(
            "a plugin that reads these fields: rehearse it with stored events (hookyard rehearse)",
        )?;
    }
    Ok(())
}

fn counted(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "no changes".to_owned();
    }
    format!(
        "{} breaking, {} changed, {} additive",
        count(changes, Class::Breaking),
        count(changes, Class::Changed),
        count(changes, Class::Additive)
    )
}

fn missing_events(outcome: &Outcome) -> Result<(), Failure> {
    if outcome.missing_events.is_empty() {
        return Ok(());
    }
    output::line("")?;
    output::line("add to [events] in provider.toml, which an import does not change:")?;
    for line in &outcome.missing_events {
        output::line(line)?;
    }
    Ok(())
}

fn next(outcome: &Outcome) -> Result<(), Failure> {
    let folder = outcome.folder.display();
    if !outcome.is_written {
        return output::line("nothing was written; add --write to write the folder");
    }
    let is_new = |file: &&Planned| file.path == "provider.toml" && file.fate == Fate::New;
    if outcome.planned.iter().any(|file| is_new(&file)) {
        output::line(format_args!(
            "next: complete the TODO lines of {folder}/provider.toml, and run hookyard check"
        ))?;
    }
    Ok(())
}
