//! JSON Schema: named schemas, or the branches of the outermost one.

use super::{Description, Selection, Webhook};
use crate::document::{At, Document};
use crate::error::{Error, Fault, short};
use crate::names::is_match;
use crate::note::paragraph;
use crate::resolve::{name_of, nearest, reference, resolved};

/// Returns the named schemas of a document.
pub(super) fn schemas<'a>(root: &At<'a>) -> impl Iterator<Item = (&'a str, At<'a>)> {
    let components = root.get("components");
    let schemas = components.map_or_else(Vec::new, |it| it.table("schemas"));
    let tables = [schemas, root.table("$defs"), root.table("definitions")];
    tables.into_iter().flatten()
}

/// Takes the schemas whose names match `--schemas` as events.
pub(super) fn named<'a>(
    document: &'a Document,
    selection: &Selection,
) -> Result<Description<'a>, Error> {
    let pattern = selection.schemas.as_deref().unwrap_or("*");
    let root = document.at_root();
    let mut description = Description::new();
    for (name, schema) in schemas(&root).filter(|(name, _)| is_match(pattern, name)) {
        description.webhooks.push(webhook(document, name, schema)?);
    }
    if description.webhooks.is_empty() {
        let names: Vec<_> = schemas(&root).map(|(name, _)| name).collect();
        let fault = Fault::NoSchema {
            pattern: short(pattern),
            near: nearest(pattern, names.into_iter(), 3),
        };
        return Err(document.fail(&root, fault));
    }
    Ok(description)
}

/// Takes the branches of the outermost `oneOf` or `anyOf` as events, or the outermost schema.
pub(super) fn root(document: &Document) -> Result<Description<'_>, Error> {
    let root = document.at_root();
    let has = |key: &str| root.get(key).is_some();
    let is_schema = ["type", "properties", "$ref", "allOf", "oneOf", "anyOf"]
        .into_iter()
        .any(has);
    if !is_schema && !["$schema", "$defs", "definitions"].into_iter().any(has) {
        return Err(document.fail(&root, Fault::UnknownDialect));
    }

    let mut description = Description::new();
    description.title = root.text("title").and_then(paragraph);
    let branches = ["oneOf", "anyOf"].into_iter().find_map(|key| root.get(key));
    match branches {
        Some(branches) => {
            for (place, branch) in branches.items().enumerate() {
                let name = reference(&branch)
                    .and_then(|it| it.node.text())
                    .map(name_of);
                let title = name.or(branch.text("title")).map(str::to_owned);
                let name = title.unwrap_or_else(|| format!("event{}", place + 1));
                description.webhooks.push(webhook(document, &name, branch)?);
            }
        }
        None if is_schema => {
            let name = root.text("title").unwrap_or("event").to_owned();
            description.webhooks.push(webhook(document, &name, root)?);
        }
        None => {}
    }
    Ok(description)
}

fn webhook<'a>(document: &'a Document, name: &str, schema: At<'a>) -> Result<Webhook<'a>, Error> {
    let target = resolved(document, schema.clone())?;
    let listed = target.list("examples");
    Ok(Webhook {
        name: name.to_owned(),
        group: None,
        text: target.text("description").and_then(paragraph),
        headers: Vec::new(),
        examples: target.get("example").into_iter().chain(listed).collect(),
        schema,
    })
}
