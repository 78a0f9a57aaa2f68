//! The `jwt` table of a provider's scheme: how the sender makes its tokens.

use std::time::Duration;

use hookyard_schemes::jwt::{self, ClaimRule, KeyRequestRule, KeyRule, Need, Rules};
use hookyard_schemes::{SettingText, jws};

use super::read::pointer;
use super::value::{self, setting_text};
use crate::document::{Entry, Section, unknown};

/// The value in a request for a key that stands for the id of the key.
const KEY_ID: &str = "{kid}";

/// Reads the rules for tokens.
pub(super) fn read(section: &Section<'_>) -> Option<Rules> {
    let faults_before = section.fault_count();
    let from = match section.entry("from") {
        Some(entry) => entry.table(value::place),
        None => Some(jwt::bearer()),
    };
    let algorithms = algorithms(section);
    let keys = keys(section);
    let max_age = section.get::<Duration>("max_age");

    let rules = Rules {
        from: from?,
        algorithms: algorithms?,
        issuers: items(section, "issuers", setting_text),
        keys,
        needs: items(section, "needs", need),
        claims: items(section, "claims", |entry| entry.table(claim)),
        leeway: section.get_or("leeway", jwt::LEEWAY),
        max_age,
        body_sha256: section.get("body_sha256"),
        query_hash: section
            .entry("query_hash")
            .and_then(|entry| query_hash(&entry)),
    };
    (section.fault_count() == faults_before).then_some(rules)
}

/// Reads the required list of algorithms.
pub(super) fn algorithms(section: &Section<'_>) -> Option<Vec<String>> {
    let Some(entry) = section.entry("algorithms") else {
        section.missing(
            "algorithms",
            "the algorithms that the sender signs with, such as [\"RS256\"]",
        );
        return None;
    };
    for item in entry.items() {
        let name = item.get::<String>().unwrap_or_default();
        if let Err(error) = jws::check_algorithm(&name) {
            item.fault(error);
        }
    }
    Some(entry.list())
}

fn keys(section: &Section<'_>) -> Option<KeyRule> {
    let url = section.entry("keys_url").and_then(|entry| url(&entry));
    let request = section.entry("key_request");
    if let (Some(_), Some(request)) = (&url, &request) {
        request.fault("is there as well as `keys_url`; remove one of them");
    }
    let request = request.and_then(|entry| entry.table(key_request));
    url.map(KeyRule::Url).or(request.map(KeyRule::Request))
}

/// Reads a URL that the host fetches. `http:` is left to operators, who write it in a source.
pub(super) fn url(entry: &Entry<'_>) -> Option<String> {
    let url = entry.get::<String>()?;
    if !url.starts_with("https://") {
        entry.fault("must be an `https:` URL");
        return None;
    }
    Some(url)
}

fn key_request(section: &Section<'_>) -> Option<KeyRequestRule> {
    if section.entry("url").is_none() {
        section.missing("url", "the URL that the request for a key is posted to");
    }
    let url = section.entry("url").and_then(|entry| url(&entry));
    let members = section.table("body", |body| {
        let mut members = Vec::new();
        body.each(|name, entry| members.push((name.to_owned(), member(&entry))));
        members
    });
    let key = match section.entry("key") {
        Some(entry) => pointer(&entry),
        None => Some(hookyard_schemes::JsonPointer::default()),
    };

    if members.iter().all(|(_, text)| text.is_some()) {
        section.fault("must name the key in its `body`: write the value \"{kid}\" for its id");
    }
    Some(KeyRequestRule {
        url: url?,
        members,
        key: key?,
    })
}

/// Reads a value of a request for a key; `None` stands for the id of the key.
fn member(entry: &Entry<'_>) -> Option<SettingText> {
    if entry.as_text() == Some(KEY_ID) {
        return None;
    }
    // A faulty value must not be taken for the id of the key.
    setting_text(entry).or_else(|| SettingText::parse("faulty").ok())
}

fn claim(section: &Section<'_>) -> Option<ClaimRule> {
    let names = match section.entry("name") {
        Some(entry) => texts(&entry),
        None => {
            section.missing(
                "name",
                "the name of the claim, or a list; the first name that is present counts",
            );
            return None;
        }
    };
    let Some(entry) = section.entry("is") else {
        section.missing("is", "the value of the claim");
        return None;
    };
    Some(ClaimRule {
        names,
        value: setting_text(&entry)?,
    })
}

/// Reads the claim with the hash of the query: its name, or a table with the base path as well.
fn query_hash(entry: &Entry<'_>) -> Option<(String, Option<SettingText>)> {
    if !entry.is_table() {
        return Some((entry.get()?, None));
    }
    entry.table(|section| {
        let claim = section.require("claim", "the name of the claim, such as \"qsh\"");
        let base = section.entry("base").map(|entry| setting_text(&entry));
        match base {
            Some(base) => Some((claim?, Some(base?))),
            None => Some((claim?, None)),
        }
    })
}

fn need(entry: &Entry<'_>) -> Option<Need> {
    let name = entry.get::<String>()?;
    let need = Need::ALL.into_iter().find(|need| need.name() == name);
    if need.is_none() {
        let known = Need::ALL.map(Need::name);
        let message = unknown("key of a source", &name, known);
        entry.fault(format_args!("{message} (choose of {})", known.join(", ")));
    }
    need
}

/// Reads the items of an optional list. Faulty items are reported and left out.
fn items<T>(
    section: &Section<'_>,
    key: &'static str,
    read: impl Fn(&Entry<'_>) -> Option<T>,
) -> Vec<T> {
    let items = section
        .entry(key)
        .map(|entry| entry.items())
        .unwrap_or_default();
    items.iter().filter_map(read).collect()
}

/// Reads one text or a list of texts.
pub(crate) fn texts(entry: &Entry<'_>) -> Vec<String> {
    match entry.as_text() {
        Some(text) => vec![text.to_owned()],
        None => entry.list(),
    }
}
