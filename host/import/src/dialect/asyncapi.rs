//! AsyncAPI 2 and 3: the messages that the described application sends.

use super::{Description, Header, Webhook, is_json};
use crate::document::{At, Document, Node};
use crate::error::{Error, short};
use crate::resolve::{name_of, reference, resolved};

/// Finds the messages of a document of version 2. What clients subscribe to is what the
/// application sends; a document that has only `publish` is written from the other side.
pub(super) fn version2(document: &Document) -> Result<Description<'_>, Error> {
    let mut description = Description::new();
    for action in ["subscribe", "publish"] {
        for (name, channel) in document.at_root().table("channels") {
            let channel = resolved(document, channel)?;
            let operation = channel
                .get(action)
                .map(|it| resolved(document, it))
                .transpose()?;
            if let Some(found) = operation.and_then(|it| it.get("message")) {
                message(document, name, found, &mut description)?;
            }
        }
        if !description.webhooks.is_empty() {
            break;
        }
    }
    Ok(description)
}

/// Finds the messages of a document of version 3: of the operations that send, otherwise of those
/// that receive, and all messages if there are no operations.
pub(super) fn version3(document: &Document) -> Result<Description<'_>, Error> {
    let mut description = Description::new();
    for action in ["send", "receive"] {
        for channel in channels_of(document, action)? {
            messages(document, &channel, &mut description)?;
        }
        if !description.webhooks.is_empty() {
            return Ok(description);
        }
    }
    if document.root.get("operations").is_none() {
        for (_, channel) in document.at_root().table("channels") {
            let channel = resolved(document, channel)?;
            messages(document, &channel, &mut description)?;
        }
    }
    Ok(description)
}

/// Returns what has the messages of the operations with an action: the operation if it lists
/// messages, otherwise its channel.
fn channels_of<'a>(document: &'a Document, action: &str) -> Result<Vec<At<'a>>, Error> {
    let mut found: Vec<At<'a>> = Vec::new();
    for (_, operation) in document.at_root().table("operations") {
        let operation = resolved(document, operation)?;
        if operation.text("action") != Some(action) {
            continue;
        }
        let source = match operation.get("messages") {
            Some(_) => Some(operation),
            None => operation
                .get("channel")
                .map(|it| resolved(document, it))
                .transpose()?,
        };
        let is_new = |it: &At<'_>| found.iter().all(|known| known.pointer != it.pointer);
        if let Some(source) = source.filter(is_new) {
            found.push(source);
        }
    }
    Ok(found)
}

/// Adds the messages of a channel, or those that an operation lists.
fn messages<'a>(
    document: &'a Document,
    source: &At<'a>,
    description: &mut Description<'a>,
) -> Result<(), Error> {
    let Some(messages) = source.get("messages") else {
        return Ok(());
    };
    for (key, found) in messages.entries() {
        message(document, key, found, description)?;
    }
    for found in messages.items() {
        let key = reference(&found)
            .and_then(|it| it.node.text())
            .map_or("message", name_of);
        message(document, key, found, description)?;
    }
    Ok(())
}

fn message<'a>(
    document: &'a Document,
    key: &str,
    found: At<'a>,
    description: &mut Description<'a>,
) -> Result<(), Error> {
    let message = resolved(document, found)?;
    if let Some(branches) = message.get("oneOf") {
        for branch in branches.items() {
            let named = reference(&branch)
                .and_then(|it| it.node.text())
                .map(name_of);
            one(document, named.unwrap_or(key), branch, description)?;
        }
        return Ok(());
    }
    one(document, key, message, description)
}

fn one<'a>(
    document: &'a Document,
    key: &str,
    found: At<'a>,
    description: &mut Description<'a>,
) -> Result<(), Error> {
    let message = resolved(document, found)?;
    let name = message.text("name").unwrap_or(key).to_owned();
    match payload(&message) {
        Ok(schema) => description.webhooks.push(Webhook {
            name,
            group: None,
            text: text(&message),
            schema,
            headers: headers(document, &message)?,
            examples: examples(&message),
        }),
        Err(found) => description
            .skipped
            .push(format!("{} ({found})", short(&name))),
    }
    Ok(())
}

/// Returns the schema of a message, or what the message has instead.
fn payload<'a>(message: &At<'a>) -> Result<At<'a>, String> {
    if let Some(content_type) = message.text("contentType").filter(|it| !is_json(it)) {
        return Err(short(content_type));
    }
    let Some(payload) = message.get("payload") else {
        return Err("no payload".into());
    };
    // Version 3 may put the schema and its format into an object.
    let inner = payload
        .get("schemaFormat")
        .and_then(|_| payload.get("schema"));
    let format = payload
        .text("schemaFormat")
        .or_else(|| message.text("schemaFormat"));
    match format.filter(|it| !is_json_schema(it)) {
        Some(format) => Err(short(format)),
        None => Ok(inner.unwrap_or(payload)),
    }
}

/// Whether a schema of this format is a JSON Schema or one of its dialects.
fn is_json_schema(format: &str) -> bool {
    ["schema+json", "schema+yaml", "asyncapi", "openapi"]
        .into_iter()
        .any(|known| format.contains(known))
}

fn headers<'a>(document: &'a Document, message: &At<'a>) -> Result<Vec<Header<'a>>, Error> {
    let Some(schema) = message.get("headers") else {
        return Ok(Vec::new());
    };
    let schema = resolved(document, schema)?;
    let required = schema
        .node
        .get("required")
        .and_then(Node::list)
        .unwrap_or_default();
    let is_required = |name: &str| required.iter().any(|it| it.text() == Some(name));
    let properties = schema.table("properties").into_iter();
    Ok(properties
        .map(|(name, _)| Header {
            name,
            is_required: is_required(name),
        })
        .collect())
}

fn examples<'a>(message: &At<'a>) -> Vec<At<'a>> {
    let examples = message.list("examples").into_iter();
    examples.filter_map(|it| it.get("payload")).collect()
}

fn text(message: &At<'_>) -> Option<String> {
    let text = |key| message.text(key).and_then(crate::note::paragraph);
    ["summary", "description", "title"]
        .into_iter()
        .find_map(text)
}
