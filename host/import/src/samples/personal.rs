//! Values of bodies that should perhaps not be published.

use crate::document::{At, Node, Value};

/// How many places are named.
const SHOWN_MAX: usize = 3;
/// What tokens and keys of well-known services begin with.
const PREFIXES: [&str; 12] = [
    "sk_",
    "rk_",
    "pk_live",
    "whsec_",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "xox",
    "AKIA",
    "eyJhbGci",
    "-----BEGIN",
];

/// Names the places of values that look like secrets or mail addresses.
pub(crate) fn personal(file: &str, root: &Node) -> Option<String> {
    let mut places = Vec::new();
    let mut open = vec![At::root(root)];
    while let Some(at) = open.pop() {
        match &at.node.value {
            Value::Text(text) if is_secret(text) => places.push((at.pointer, "a secret")),
            Value::Text(text) if is_address(text) => places.push((at.pointer, "a mail address")),
            _ => {
                open.extend(at.entries().map(|(_, part)| part));
                open.extend(at.items());
            }
        }
    }
    places.sort();
    let shown = places.iter().take(SHOWN_MAX);
    let shown: Vec<_> = shown
        .map(|(place, what)| format!("{what} at {place}"))
        .collect();
    let more = places.len().saturating_sub(SHOWN_MAX);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    (!places.is_empty()).then(|| {
        format!(
            "{file} has what looks like {}{more}; look before you publish the file",
            shown.join(", ")
        )
    })
}

fn is_secret(text: &str) -> bool {
    text.len() >= 16 && PREFIXES.into_iter().any(|prefix| text.starts_with(prefix))
}

fn is_address(text: &str) -> bool {
    let is_reserved = |host: &str| {
        ["example.com", "example.org", "example.net"].contains(&host) || host.ends_with(".example")
    };
    match text.split_once('@') {
        Some((user, host)) => {
            let is_host = host.contains('.') && !host.contains([' ', '/', ':', '@']);
            !user.is_empty() && !user.contains([' ', '/', ':']) && is_host && !is_reserved(host)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_addresses_are_told_from_other_texts() {
        assert!(is_secret("whsec_0123456789abcdef"));
        assert!(!is_secret("sk_1"));
        assert!(is_address("max@widgets.de"));
        for text in [
            "max@example.com",
            "git@github.com:a/b.git",
            "@here",
            "a @ b.c",
            "x",
        ] {
            assert!(!is_address(text), "{text}");
        }
    }
}
