//! OpenAPI 3.1 `webhooks`, 3.0 `x-webhooks`, and callbacks.

use super::{Description, Header, Selection, Webhook, is_json};
use crate::document::{At, Document, Node};
use crate::error::{Error, short};
use crate::resolve::resolved;

const METHODS: [&str; 8] = [
    "post", "put", "patch", "get", "delete", "options", "head", "trace",
];

/// Finds the events of an OpenAPI document. `x-webhooks` count only where there are no `webhooks`.
pub(super) fn describe<'a>(
    document: &'a Document,
    selection: &Selection,
) -> Result<Description<'a>, Error> {
    let root = document.at_root();
    let mut description = Description::new();
    let webhooks = ["webhooks", "x-webhooks"]
        .into_iter()
        .filter_map(|key| root.get(key));
    for webhooks in webhooks {
        if description.webhooks.is_empty() && description.skipped.is_empty() {
            for (key, item) in webhooks.entries() {
                path_item(document, key, item, &mut description)?;
            }
        }
    }
    if selection.callbacks {
        callbacks(document, &root, &mut description)?;
    }
    Ok(description)
}

/// Whether a document has callbacks.
pub(super) fn has_callbacks(root: &At<'_>) -> bool {
    let items = root.table("paths").into_iter();
    items
        .flat_map(|(_, item)| item.entries().collect::<Vec<_>>())
        .any(|(_, operation)| operation.get("callbacks").is_some())
}

fn callbacks<'a>(
    document: &'a Document,
    root: &At<'a>,
    description: &mut Description<'a>,
) -> Result<(), Error> {
    for (_, item) in root.table("paths") {
        let item = resolved(document, item)?;
        for method in METHODS {
            let operation = item.get(method);
            let Some(callbacks) = operation.and_then(|it| it.get("callbacks")) else {
                continue;
            };
            for (key, callback) in callbacks.entries() {
                let callback = resolved(document, callback)?;
                for (_, item) in callback.entries() {
                    path_item(document, key, item, description)?;
                }
            }
        }
    }
    Ok(())
}

/// Adds the operations of a path item that have a JSON body.
fn path_item<'a>(
    document: &'a Document,
    key: &str,
    item: At<'a>,
    description: &mut Description<'a>,
) -> Result<(), Error> {
    let item = resolved(document, item)?;
    let key = key.strip_prefix('/').unwrap_or(key);
    let operations = METHODS
        .into_iter()
        .filter_map(|method| Some((method, item.get(method)?)));
    for (place, (method, operation)) in operations.enumerate() {
        let name = match place {
            0 => key.to_owned(),
            _ => format!("{key}-{method}"),
        };
        match json_body(document, &operation)? {
            Ok((schema, examples)) => description.webhooks.push(Webhook {
                name,
                group: group(&operation),
                text: text(&operation),
                schema,
                headers: headers(document, &item, &operation)?,
                examples,
            }),
            Err(found) => description
                .skipped
                .push(format!("{} ({found})", short(&name))),
        }
    }
    Ok(())
}

type Body<'a> = (At<'a>, Vec<At<'a>>);

/// Returns the schema and the examples of a JSON body, or what the operation has instead.
fn json_body<'a>(
    document: &'a Document,
    operation: &At<'a>,
) -> Result<Result<Body<'a>, String>, Error> {
    let Some(body) = operation.get("requestBody") else {
        return Ok(Err("no body".into()));
    };
    let body = resolved(document, body)?;
    let content = body.table("content");
    let Some((_, media)) = content.iter().find(|(name, _)| is_json(name)) else {
        let names: Vec<_> = content.iter().map(|(name, _)| short(name)).collect();
        return Ok(Err(if names.is_empty() {
            "no body".into()
        } else {
            names.join(", ")
        }));
    };
    let Some(schema) = media.get("schema") else {
        return Ok(Err("no schema".into()));
    };
    Ok(Ok((schema, examples(document, media)?)))
}

/// Returns the values of `example` and `examples`.
fn examples<'a>(document: &'a Document, media: &At<'a>) -> Result<Vec<At<'a>>, Error> {
    let mut found: Vec<_> = media.get("example").into_iter().collect();
    for (_, example) in media.table("examples") {
        found.extend(resolved(document, example)?.get("value"));
    }
    Ok(found)
}

fn headers<'a>(
    document: &'a Document,
    item: &At<'a>,
    operation: &At<'a>,
) -> Result<Vec<Header<'a>>, Error> {
    let mut headers = Vec::new();
    let parameters = [operation, item].map(|it| it.list("parameters"));
    for parameter in parameters.into_iter().flatten() {
        let parameter = resolved(document, parameter)?;
        let is_header = parameter.text("in") == Some("header");
        if let Some(name) = parameter.text("name").filter(|_| is_header) {
            let is_required = parameter.node.get("required").is_some_and(Node::is_true);
            headers.push(Header { name, is_required });
        }
    }
    Ok(headers)
}

fn group(operation: &At<'_>) -> Option<String> {
    let id = operation.text("operationId")?;
    Some(id.split('/').next().unwrap_or(id).to_owned())
}

fn text(operation: &At<'_>) -> Option<String> {
    let text = |key| operation.text(key).and_then(crate::note::paragraph);
    text("description").or_else(|| text("summary"))
}
