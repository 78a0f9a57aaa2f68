//! What only an operator knows about a source and a sender signs: the public URL of the source, and
//! values that are set at the sender.

use std::collections::BTreeMap;

use hookyard_schemes::recipe::{PublicUrl, SourceValues};

use crate::document::Section;

/// Reads the values of a source. Reports faults.
pub(crate) fn read(section: &Section<'_>) -> SourceValues {
    SourceValues {
        public_url: public_url(section),
        settings: settings(section),
        unsigned_body: section.get_or("unsigned_body", false),
    }
}

/// Reads `public_url`: the URL that is registered at the sender.
pub(crate) fn public_url(section: &Section<'_>) -> Option<PublicUrl> {
    let entry = section.entry("public_url")?;
    let url = PublicUrl::parse(&entry.get::<String>()?)
        .map_err(|error| entry.fault(error))
        .ok()?;
    if url.has_query() {
        entry.note("its query has no effect, because the query of each request is used");
    }
    Some(url)
}

/// Reads `settings`: values under names that the provider chooses.
pub(crate) fn settings(section: &Section<'_>) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    if section.entry("settings").is_some() {
        section.table("settings", |section| {
            section.each(|name, entry| {
                settings.extend(entry.get::<String>().map(|text| (name.to_owned(), text)));
            });
        });
    }
    settings
}
