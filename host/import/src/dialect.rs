//! Where a description has its events: one file for each kind of description.

mod asyncapi;
mod jsonschema;
mod openapi;
#[cfg(test)]
mod tests;

use crate::document::{At, Document, Node, Value};
use crate::error::{Error, Fault, short};
use crate::names::{Given, is_match};

/// What is chosen of a document, beside the events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Whether callbacks are events.
    pub callbacks: bool,
    /// A pattern for the names of schemas that are events.
    pub schemas: Option<String>,
}

/// The events of a document.
#[derive(Debug)]
pub(crate) struct Description<'a> {
    pub(crate) webhooks: Vec<Webhook<'a>>,
    /// The events without a JSON body, and why.
    pub(crate) skipped: Vec<String>,
    pub(crate) title: Option<String>,
    pub(crate) version: Option<String>,
}

/// An event as the document has it.
#[derive(Debug)]
pub(crate) struct Webhook<'a> {
    pub(crate) name: String,
    /// The part of the operation's id before its `/`: what several webhooks have in common.
    pub(crate) group: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) schema: At<'a>,
    pub(crate) headers: Vec<Header<'a>>,
    pub(crate) examples: Vec<At<'a>>,
}

/// A header of a webhook's request.
#[derive(Debug, Clone)]
pub(crate) struct Header<'a> {
    pub(crate) name: &'a str,
    pub(crate) is_required: bool,
}

/// Finds the events of a document.
///
/// # Errors
///
/// Fails if the kind or the version of the document is not read, or if there are no events.
pub(crate) fn describe<'a>(
    document: &'a Document,
    selection: &Selection,
) -> Result<Description<'a>, Error> {
    let root = document.at_root();
    let fail = |fault| Err(document.fail(&root, fault));
    if let Some(version) = root.get("swagger") {
        let version = format!("Swagger {}", written(version.node));
        return fail(Fault::Version(version, "OpenAPI 3"));
    }
    let mut description = match (root.get("openapi"), root.get("asyncapi")) {
        _ if selection.schemas.is_some() => jsonschema::named(document, selection)?,
        (Some(version), _) => match written(version.node) {
            it if it.starts_with("3.") || it == "3" => openapi::describe(document, selection)?,
            it => return fail(Fault::Version(format!("OpenAPI {it}"), "OpenAPI 3")),
        },
        (_, Some(version)) => match written(version.node) {
            it if it.starts_with("2.") || it == "2" => asyncapi::version2(document)?,
            it if it.starts_with("3.") || it == "3" => asyncapi::version3(document)?,
            it => return fail(Fault::Version(format!("AsyncAPI {it}"), "AsyncAPI 2 or 3")),
        },
        _ => jsonschema::root(document)?,
    };
    if description.webhooks.is_empty() {
        return Err(no_events(document, &description));
    }

    let mut given = Given::default();
    for webhook in &mut description.webhooks {
        webhook.name = given.give(&webhook.name);
    }
    let info = root.get("info");
    let text = |key: &str| {
        info.as_ref()
            .and_then(|it| it.get(key))
            .map(|it| written(it.node))
    };
    description.title = description.title.or_else(|| text("title"));
    description.version = text("version");
    Ok(description)
}

impl Description<'_> {
    fn new() -> Self {
        Self {
            webhooks: Vec::new(),
            skipped: Vec::new(),
            title: None,
            version: None,
        }
    }
}

/// Returns a text or a number as it is written, cut to a bound.
fn written(node: &Node) -> String {
    match &node.value {
        Value::Text(text) | Value::Number(text) => short(text),
        _ => node.kind().to_owned(),
    }
}

fn no_events(document: &Document, description: &Description<'_>) -> Error {
    let root = document.at_root();
    if !description.skipped.is_empty() {
        let fault = Fault::NoBodies(description.skipped.join(", "));
        return document.fail(&root, fault);
    }
    let names: Vec<_> = jsonschema::schemas(&root).map(|(name, _)| name).collect();
    let mut hints = Vec::new();
    for pattern in ["*Webhook", "*Event"] {
        let count = names.iter().filter(|name| is_match(pattern, name)).count();
        if count > 0 {
            hints.push(format!("--schemas '{pattern}' ({count} match)"));
        }
    }
    if openapi::has_callbacks(&root) {
        hints.push("--callbacks".into());
    }
    document.fail(&root, Fault::NoEvents(hints))
}

/// Whether a media type is JSON: `application/json`, `application/…+json`.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}
