//! Bodies of events: those that are given, the document's examples, and those that are made up.

mod made_up;
mod personal;
#[cfg(test)]
mod tests;

use std::path::Path;

use hookyard_shape::{Plan, Pointer, Value as Decoded, fold};

use crate::dialect::Webhook;
use crate::document::{At, Document, Node};
use crate::error::{Error, Fault, short};
use crate::package::{Event, Package};

pub(crate) use made_up::made_up;
pub(crate) use personal::personal;

/// The maximum number of values of a body: what a plugin with the default limit of memory takes.
const VALUES_MAX: usize = 262_144;

/// A file with a body.
#[derive(Debug, Clone)]
pub struct Body {
    /// The path of the file below the folder of bodies, with `/` between its parts.
    pub file: String,
    /// The content.
    pub bytes: Vec<u8>,
}

/// A body that was read, with its event.
#[derive(Debug)]
pub(crate) struct Sample {
    /// The place of the event.
    pub(crate) event: usize,
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) root: Node,
}

impl Sample {
    /// Reads a body.
    pub(crate) fn read(body: &Body, event: usize) -> Result<Self, Error> {
        let document = read(body)?;
        Ok(Self {
            event,
            file: body.file.clone(),
            text: String::from_utf8_lossy(&body.bytes).into_owned(),
            root: document.root,
        })
    }

    /// Takes an example of a document.
    pub(crate) fn example(at: &At<'_>, event: usize, file: &str) -> Self {
        Self {
            event,
            file: format!("{file}:{}", at.node.place),
            text: at.node.to_json(),
            root: at.node.clone(),
        }
    }
}

/// Reads a body as JSON.
pub(crate) fn read(body: &Body) -> Result<Document, Error> {
    Document::read_json(&body.file, &body.bytes)
}

/// Finds the event of a body: by the pointers of the rule for types, otherwise by the name of the
/// file or its folder.
pub(crate) fn event_of(
    events: &[Event],
    pointers: &[String],
    file: &str,
    root: &Node,
) -> Option<usize> {
    let find = |name: &str| {
        let name = fold(name);
        let is_named = |event: &Event| fold(&event.case) == name || fold(&event.event_type) == name;
        events.iter().position(is_named)
    };
    if !pointers.is_empty() {
        let text = |pointer: &String| At::root(root).find(pointer).ok()?.node.text();
        let texts: Option<Vec<_>> = pointers.iter().map(text).collect();
        if let Some(found) = texts.and_then(|texts| find(&texts.join("."))) {
            return Some(found);
        }
    }
    names(file).into_iter().find_map(find)
}

/// Returns the names that a file may have from its event, the most likely first.
fn names(file: &str) -> Vec<&str> {
    let path = Path::new(file);
    let name = path
        .file_name()
        .and_then(|it| it.to_str())
        .unwrap_or_default();
    let folder = path
        .parent()
        .and_then(Path::file_name)
        .and_then(|it| it.to_str());
    let stem = name.strip_suffix(".json").unwrap_or(name);
    let first = stem.split('.').next().unwrap_or_default();
    let without_number = first.trim_end_matches(|c: char| c.is_ascii_digit());
    let without_number = without_number.trim_end_matches(['-', '_']);
    [Some(stem), Some(first), Some(without_number), folder]
        .into_iter()
        .flatten()
        .collect()
}

/// The types of the events of a package, to decode bodies as the host does.
#[derive(Debug)]
pub struct Decoder {
    plans: Vec<Plan>,
}

impl Decoder {
    /// Compiles the types of a package.
    ///
    /// # Errors
    ///
    /// Fails if the host would refuse the types.
    pub(crate) fn new(package: &Package<'_>) -> Result<Self, Error> {
        let plan = |event: &Event| {
            let at = format!("event.{}", event.case);
            Plan::new(&package.shape(event.ty, false), &at)
        };
        let plans: Result<_, _> = package.events.iter().map(plan).collect();
        let refused = |error: hookyard_shape::TypeError| Fault::Options(error.to_string());
        let plans = plans.map_err(|error| Error::general(refused(error)))?;
        Ok(Self { plans })
    }

    /// Decodes a body of the event at a place among the events of the package.
    ///
    /// # Errors
    ///
    /// Fails with the host's own words if the body does not fit the event's type.
    pub fn check(&self, event: usize, file: &str, text: &str) -> Result<(), Error> {
        let decoded = self.plans[event].decode::<Decoded>(&Pointer::default(), text, VALUES_MAX);
        let undecodable = |error: hookyard_shape::DecodeError| Fault::Sample {
            path: error.path,
            reason: error.message,
        };
        decoded
            .map(drop)
            .map_err(|error| Error::in_file(file, undecodable(error)))
    }
}

/// Says which bodies belong to no event.
pub(crate) fn unmatched(files: &[String]) -> Option<String> {
    const SHOWN_MAX: usize = 5;
    let shown: Vec<_> = files
        .iter()
        .take(SHOWN_MAX)
        .map(|file| short(file))
        .collect();
    let more = if files.len() > SHOWN_MAX { ", …" } else { "" };
    (!files.is_empty()).then(|| {
        format!(
            "{} of no chosen event: {}{more}; a file, or its folder, has the name of its event",
            match files.len() {
                1 => "1 body is".to_owned(),
                count => format!("{count} bodies are"),
            },
            shown.join(", ")
        )
    })
}

/// Returns the webhooks' examples as samples of events.
pub(crate) fn examples(file: &str, webhooks: &[Webhook<'_>], events: &[Event]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (place, event) in events.iter().enumerate() {
        let examples = event.webhooks.iter().flat_map(|it| &webhooks[*it].examples);
        let objects = examples.filter(|it| it.node.object().is_some() || it.node.list().is_some());
        samples.extend(objects.map(|at| Sample::example(at, place, file)));
    }
    samples
}
