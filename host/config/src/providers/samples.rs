//! The samples of an operator's provider, which show whether its key tells events apart.

use std::collections::BTreeMap;
use std::path::Path;

use hookyard_model::Payload;
use hookyard_schemes::{Provider, Request, Verified};

use crate::document::{Fault, Sink};
use crate::files;
use crate::references::Resolver;

use super::FILE;

/// The maximum number of samples that are compared.
const SAMPLES_MAX: usize = 500;

/// Gives advice if two samples of a provider have the same key.
///
/// Only keys in the body are compared, because a sample has no headers.
pub(super) fn advise(provider: &Provider, folder: &Path, resolver: &Resolver<'_>, sink: &Sink) {
    let samples = folder.join("samples");
    let Ok((mut names, _)) = files::names(folder, &samples, SAMPLES_MAX) else {
        return;
    };
    names.sort();

    let mut by_key: BTreeMap<String, (String, Vec<u8>)> = BTreeMap::new();
    for name in names {
        let path = samples.join(&name);
        let Ok(body) = resolver.bytes(&path) else {
            continue;
        };
        let name = name.to_string_lossy().into_owned();
        let Some(key) = key(provider, &name, &body) else {
            continue;
        };
        match by_key.get(&key) {
            Some((other, other_body)) if *other_body != body => {
                advise_of(provider, folder, (other, &name), sink);
                return;
            }
            Some(_) => {}
            None => {
                by_key.insert(key, (name, body));
            }
        }
    }
}

/// Returns the key of a sample, if the body contains the key.
fn key(provider: &Provider, name: &str, body: &[u8]) -> Option<String> {
    let request = Request {
        method: "POST",
        path: "/",
        tail: None,
        query: None,
        headers: &(),
        body,
    };
    // Each sample has a message id of its own, as it has when it is sent.
    let verified = Verified {
        id: Some(name.to_owned()),
        payload: Payload::Body,
    };
    provider.describe(&verified, &request).ok()?.key
}

fn advise_of(provider: &Provider, folder: &Path, (one, other): (&str, &str), sink: &Sink) {
    sink.push_advice(|| Fault {
        file: folder.join(FILE).display().to_string(),
        line: None,
        path: "key".to_owned(),
        message: format!(
            "is the same for samples/{one} and samples/{other}, so that the host would store the \
             first of the two events and take the second one of {} for a repeat; add what differs, \
             as in \"{{json:/id}}:{{json:/type}}\"",
            provider.name
        ),
    });
}
