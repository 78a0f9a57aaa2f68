//! The `certificate` table of a recipe: the certificate at a URL that each message names.

use hookyard_schemes::SettingText;
use hookyard_schemes::recipe::CertificateOrigin;
use hookyard_schemes::value::Place;

use super::single_place;
use crate::document::{Entry, Section};
use crate::providers::value::{place, setting_text};

/// Reads where the certificate is, and what it must be.
pub(super) fn read(section: &Section<'_>) -> Option<CertificateOrigin> {
    let url = section.entry("url");
    if url.is_none() {
        let what_for = "the place of the certificate's URL, such as { header = \"X-Cert-Url\" }";
        section.missing("url", what_for);
    }
    let url = url.and_then(|entry| single_place(&entry));
    let prefixes = prefixes(section);
    let name = section.entry("name");
    if name.is_none() {
        section.missing("name", "the name that the certificate must have");
    }
    let name = name.and_then(|entry| setting_text(&entry));
    let stated = section.entry("algorithm").map(|entry| entry.table(stated));

    Some(CertificateOrigin {
        url: url?,
        prefixes: prefixes?,
        name: name?,
        stated: match stated {
            Some(stated) => Some(stated?),
            None => None,
        },
        roots: Vec::new(),
    })
}

/// Reads the beginnings of the URLs. A certificate is trusted because of its URL, so that the host of
/// the URL must be proven.
fn prefixes(section: &Section<'_>) -> Option<Vec<SettingText>> {
    let Some(entry) = section.entry("prefixes") else {
        section.missing(
            "prefixes",
            "the beginnings of the URLs that may be fetched, such as [\"https://api.example/certs/\"]",
        );
        return None;
    };
    entry.items().iter().map(prefix).collect()
}

fn prefix(entry: &Entry<'_>) -> Option<SettingText> {
    let text = setting_text(entry)?;
    if !text.begins_with("https://") {
        entry.fault("must begin with `https://`");
        return None;
    }
    Some(text)
}

/// Reads the place at which a message states its algorithm, and the text that is accepted there.
fn stated(section: &Section<'_>) -> Option<(Place, String)> {
    let text = section.require(
        "is",
        "the only text that is accepted, such as \"SHA256withRSA\"",
    );
    Some((place(section)?, text?))
}
