//! Names: the sender's as WIT writes them, and which of them the host finds again.
//!
//! The host matches a field or a case by its folded name, so a name that folds to something else
//! than the sender's key would never be found, and such a key is left out.

mod keywords;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use hookyard_shape::fold;
pub(crate) use keywords::escaped;

/// Returns a text in kebab case: words of lower-case letters and digits that begin with a letter,
/// joined by `-`. A word that begins with a digit joins the word before. Returns an empty text
/// for a text without a letter at its start.
pub(crate) fn kebab(text: &str) -> String {
    let mut kebab = String::new();
    for word in words(text) {
        let begins_with_digit = word.starts_with(|c: char| c.is_ascii_digit());
        if !kebab.is_empty() && !begins_with_digit {
            kebab.push('-');
        }
        kebab.push_str(&word);
    }
    if kebab.starts_with(|c: char| c.is_ascii_digit()) {
        return String::new();
    }
    kebab
}

/// Returns the words of a text in lower case. A word ends where no ASCII letter or digit is, and
/// before a capital letter; a row of capitals is one word.
fn words(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (place, c) in characters.iter().enumerate() {
        let before = place.checked_sub(1).map(|place| characters[place]);
        let is_after_small = before.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let is_before_small = characters
            .get(place + 1)
            .is_some_and(char::is_ascii_lowercase);
        let begins = c.is_ascii_uppercase() && (is_after_small || is_before_small);
        if (begins || !c.is_ascii_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Returns the name of a field or a case that the host matches with a sender's text.
pub(crate) fn matching(text: &str) -> Option<String> {
    let name = kebab(text);
    (!name.is_empty() && fold(&name) == fold(text)).then_some(name)
}

/// Whether a text matches a pattern in which `*` stands for any text. Both are folded first.
pub(crate) fn is_match(pattern: &str, text: &str) -> bool {
    let text = fold(text);
    let parts: Vec<String> = pattern.split('*').map(fold).collect();
    let [first, middle @ .., last] = parts.as_slice() else {
        return parts.first().is_some_and(|only| *only == text);
    };
    let inner = text.strip_prefix(first.as_str());
    let Some(mut inner) = inner.and_then(|it| it.strip_suffix(last.as_str())) else {
        return false;
    };
    middle.iter().all(|part| match inner.find(part.as_str()) {
        Some(at) => {
            inner = &inner[at + part.len()..];
            true
        }
        None => false,
    })
}

/// Names that have been given, so that each is given once.
#[derive(Debug, Default)]
pub(crate) struct Given {
    names: BTreeSet<String>,
    /// The number that a name was given with last.
    numbers: BTreeMap<String, usize>,
}

impl Given {
    /// Starts with names that nothing gets.
    pub(crate) fn reserving(names: &[&str]) -> Self {
        Self {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            numbers: BTreeMap::new(),
        }
    }

    /// Returns the name, or the name with the first number from 2 that makes it new.
    pub(crate) fn give(&mut self, name: &str) -> String {
        if self.names.insert(name.to_owned()) {
            return name.to_owned();
        }
        let number = self.numbers.entry(name.to_owned()).or_insert(1);
        loop {
            *number += 1;
            let numbered = format!("{name}{number}");
            if self.names.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kebab_splits_as_senders_spell() {
        for (text, wanted) in [
            ("userID", "user-id"),
            ("HTMLUrl", "html-url"),
            ("line_1", "line1"),
            ("postal_code", "postal-code"),
            (
                "topi_saas.offer.accepted_by_user",
                "topi-saas-offer-accepted-by-user",
            ),
            ("latestCard.bin", "latest-card-bin"),
            ("sha256Sum", "sha256-sum"),
            ("too heated", "too-heated"),
            ("401k", ""),
            ("+1", ""),
            ("", ""),
            ("größe", "gr-e"),
        ] {
            assert_eq!(kebab(text), wanted, "{text}");
        }
    }

    #[test]
    fn only_names_that_the_host_finds_match() {
        assert_eq!(
            matching("latestCard.bin").as_deref(),
            Some("latest-card-bin")
        );
        assert_eq!(matching("type").as_deref(), Some("type"));
        for text in ["+1", "-1", "401k", "größe", "", "日本"] {
            assert_eq!(matching(text), None, "{text}");
        }
    }

    #[test]
    fn pattern_has_stars() {
        for (pattern, text, is_wanted) in [
            ("push", "push", true),
            ("pull_request", "pull-request", true),
            ("push", "pushed", false),
            ("issues*", "issues-opened", true),
            ("*Webhook", "TransferWebhook", true),
            ("*Webhook", "WebhookEvent", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "ac", false),
            ("ab*ba", "aba", false),
            ("*", "", true),
        ] {
            assert_eq!(is_match(pattern, text), is_wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn clashes_get_numbers() {
        let mut given = Given::reserving(&["event"]);
        let names = ["event", "a", "a", "a2", "a"].map(|name| given.give(name));
        assert_eq!(names, ["event2", "a", "a2", "a22", "a3"]);
    }
}
