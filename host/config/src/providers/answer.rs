//! The `answer` table of a provider or a source: what the sender of a stored event is answered.

use std::sync::Arc;

use hookyard_schemes::AnswerParts;

use crate::document::{Entry, Section};

/// The status of an answer that does not name one.
const OK: usize = 200;

/// Reads the table. Returns `None` if it has a fault.
pub(crate) fn read(entry: &Entry<'_>) -> Option<Arc<AnswerParts>> {
    entry
        .table(|section| {
            let faults_before = section.fault_count();
            let answer = with_body(section, with_headers(section, status(section)?)?);
            answer.filter(|_| section.fault_count() == faults_before)
        })
        .map(Arc::new)
}

/// Reads `status`. Returns an answer that has only this status.
fn status(section: &Section<'_>) -> Option<AnswerParts> {
    let status = section.get_or("status", OK);
    AnswerParts::new(u16::try_from(status).unwrap_or_default())
        .map_err(|error| fault(section, "status", error))
        .ok()
}

/// Reads `headers`.
fn with_headers(section: &Section<'_>, answer: AnswerParts) -> Option<AnswerParts> {
    let mut answer = Some(answer);
    section.table("headers", |headers| {
        headers.each(|name, entry| {
            let value = entry.get::<String>().unwrap_or_default();
            let added = answer.take().map(|answer| answer.with_header(name, &value));
            answer = added.and_then(|added| added.map_err(|error| entry.fault(error)).ok());
        });
    });
    answer
}

/// Reads `type` and `body`.
fn with_body(section: &Section<'_>, answer: AnswerParts) -> Option<AnswerParts> {
    let content_type = section.get::<String>("type");
    let body = section.get::<String>("body");
    let Some(body) = body else {
        if content_type.is_some() {
            fault(section, "type", "describes a body, and there is no `body`");
        }
        return Some(answer);
    };

    answer
        .with_body(content_type.as_deref(), body)
        .map_err(|error| fault(section, "body", error))
        .ok()
}

fn fault(section: &Section<'_>, key: &'static str, message: impl ToString) {
    match section.entry(key) {
        Some(entry) => entry.fault(message),
        None => section.fault(message),
    }
}
