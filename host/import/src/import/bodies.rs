//! The import of a folder of bodies, without a schema.

use std::collections::BTreeMap;

use super::{Imported, Request, Work};
use crate::dialect::{Description, Webhook};
use crate::document::{At, Document, digest};
use crate::error::{Error, Fault, short};
use crate::events::{self, Mapped};
use crate::infer;
use crate::samples::{self, Body};
use crate::types::Types;

/// Imports bodies: a file is an event, or with `--group-by` the bodies of one type are.
pub(super) fn import(request: &Request, bodies: &[Body]) -> Result<Imported, Error> {
    if bodies.is_empty() {
        return Err(Error::general(Fault::NoFiles));
    }
    let documents: Vec<Document> = bodies.iter().map(samples::read).collect::<Result<_, _>>()?;
    let group_by = request.options.group_by.as_deref();
    let mut groups: BTreeMap<String, Vec<&Document>> = BTreeMap::new();
    for document in &documents {
        groups
            .entry(name(document, group_by)?)
            .or_default()
            .push(document);
    }

    let mut types = Types::default();
    let mut mapped = Vec::new();
    let mut notes = Vec::new();
    for (webhook, (name, group)) in groups.iter().enumerate() {
        let roots: Vec<_> = group.iter().map(|document| &document.root).collect();
        let ty = infer::event(&mut types, &roots);
        mapped.push(Mapped { webhook, ty });
        if roots.len() == 1 {
            notes.push(format!(
                "`{}` has a single body: only its outermost scalars are required",
                short(name)
            ));
        }
    }
    let description = description(&groups);
    let all: Vec<_> = documents
        .iter()
        .map(|document| document.digest.as_str())
        .collect();
    let work = Work {
        request,
        file: "the folder",
        digest: digest(all.join("\n").as_bytes()),
        chosen: events::chosen(&description.webhooks, &request.options.events)?,
        description,
        types,
        mapped,
        notes,
        group_by,
    };
    work.finish()
}

/// Returns the event of a body: the text at the pointer, otherwise the file's name.
fn name(document: &Document, group_by: Option<&str>) -> Result<String, Error> {
    let file = document.file.rsplit('/').next().unwrap_or_default();
    let Some(pointer) = group_by else {
        return Ok(file.strip_suffix(".json").unwrap_or(file).to_owned());
    };
    let found = document.at_root().find(pointer).ok();
    let text = found.and_then(|at| at.node.text().map(str::to_owned));
    text.ok_or_else(|| Error::in_file(&document.file, Fault::NoGroup(short(pointer))))
}

fn description<'a>(groups: &BTreeMap<String, Vec<&'a Document>>) -> Description<'a> {
    let webhook = |(name, group): (&String, &Vec<&'a Document>)| Webhook {
        name: name.clone(),
        group: None,
        text: None,
        schema: At::root(&group[0].root),
        headers: Vec::new(),
        examples: group
            .iter()
            .map(|document| At::root(&document.root))
            .collect(),
    };
    Description {
        webhooks: groups.iter().map(webhook).collect(),
        skipped: Vec::new(),
        title: None,
        version: None,
    }
}
