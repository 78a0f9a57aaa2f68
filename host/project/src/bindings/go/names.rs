//! Names of WIT in the spelling of Go.

/// Words that Go writes in capitals.
const INITIALISMS: [&str; 18] = [
    "api", "csv", "html", "http", "https", "id", "ip", "json", "sku", "sql", "tls", "tcp", "uri",
    "url", "utf8", "uuid", "vat", "xml",
];

/// Returns the exported name of a name in WIT: `end-customer-id` is `EndCustomerID`.
pub(crate) fn exported(name: &str) -> String {
    name.split(['-', '_']).map(word).collect()
}

fn word(word: &str) -> String {
    let lower = word.to_ascii_lowercase();
    if INITIALISMS.contains(&lower.as_str()) {
        return lower.to_ascii_uppercase();
    }
    let (first, rest) = lower.split_at(lower.len().min(1));
    first.to_ascii_uppercase() + rest
}

/// Returns the name of the Go package for a WIT package: its namespace as one word.
pub(crate) fn package(namespace: &str) -> String {
    namespace
        .split(['-', '_'])
        .collect::<String>()
        .to_ascii_lowercase()
}

/// Returns documentation of WIT as comments, each line with an indent.
pub(super) fn comment(docs: Option<&str>, indent: &str) -> String {
    let lines = docs.unwrap_or_default().trim().lines();
    lines
        .map(|line| format!("{indent}// {line}").trim_end().to_owned() + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initialisms_are_capitals() {
        for (name, expected) in [
            ("end-customer-id", "EndCustomerID"),
            ("line1", "Line1"),
            ("vat-number", "VATNumber"),
            ("identity", "Identity"),
            ("HTTP-code", "HTTPCode"),
        ] {
            assert_eq!(exported(name), expected);
        }
        assert_eq!(package("topi-saas"), "topisaas");
    }

    #[test]
    fn comment_keeps_empty_lines() {
        assert_eq!(
            comment(Some("One.\n\nTwo.\n"), "\t"),
            "\t// One.\n\t//\n\t// Two.\n"
        );
        assert_eq!(comment(None, ""), "");
    }
}
