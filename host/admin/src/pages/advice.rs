//! What to do about a refused request, in the words of docs/operations.md.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The page of the documentation that has a row for each reason.
const OPERATIONS: &str = include_str!("../../../../docs/operations.md");

/// The row of one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Advice {
    /// The status that the sender reads.
    pub(crate) status: String,
    /// What to do, in plain text.
    pub(crate) text: String,
}

static BY_REASON: LazyLock<BTreeMap<&'static str, Advice>> = LazyLock::new(read);

/// Returns the advice about a reason, such as `bad-signature`.
pub(crate) fn about(reason: &str) -> Option<&'static Advice> {
    BY_REASON.get(reason)
}

/// Reads the table below the heading `Refused requests`.
fn read() -> BTreeMap<&'static str, Advice> {
    let section = OPERATIONS
        .split_once("## Refused requests")
        .map_or("", |(_, rest)| rest);
    let section = section.split("\n## ").next().unwrap_or_default();
    section.lines().filter_map(row).flatten().collect()
}

/// Reads a row. A row can have several reasons, and a status for each of them or one for all.
fn row(line: &'static str) -> Option<Vec<(&'static str, Advice)>> {
    let mut cells = line
        .strip_prefix("| `")?
        .trim_end_matches('|')
        .splitn(3, " | ");
    let (reasons, statuses, text) = (cells.next()?, cells.next()?, cells.next()?);
    let statuses: Vec<_> = statuses.split(", ").collect();

    let reasons = reasons.split(", ").enumerate().map(|(index, reason)| {
        let status = statuses
            .get(index)
            .or(statuses.last())
            .copied()
            .unwrap_or_default();
        let advice = Advice {
            status: status.trim().to_owned(),
            text: plain(text.trim()),
        };
        (reason.trim_matches('`'), advice)
    });
    Some(reasons.collect())
}

/// Removes the marks of Markdown: code, and the targets of links.
fn plain(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len());
    let mut rest = markdown;
    while let Some((before, link)) = rest.split_once('[') {
        out.push_str(before);
        match link
            .split_once("](")
            .and_then(|(text, target)| Some((text, target.split_once(')')?)))
        {
            Some((text, (_, after))) => {
                out.push_str(text);
                rest = after;
            }
            None => {
                out.push('[');
                rest = link;
            }
        }
    }
    out.push_str(rest);
    out.replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_of_the_table_has_advice() {
        assert!(BY_REASON.len() > 45, "{}", BY_REASON.len());
        for (reason, advice) in BY_REASON.iter() {
            let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(reason.chars().all(is_name), "{reason}");
            assert!(
                advice
                    .status
                    .parse::<u16>()
                    .is_ok_and(|status| status >= 400),
                "{reason}"
            );
            assert!(
                advice.text.ends_with('.') && !advice.text.contains(['`', '[']),
                "{reason}"
            );
        }
    }

    #[test]
    fn row_with_several_reasons_is_read() {
        let status = |reason| about(reason).map(|advice| advice.status.as_str());
        assert_eq!(
            (
                status("body-too-slow"),
                status("body-broken"),
                status("future-timestamp")
            ),
            (Some("408"), Some("400"), Some("401"))
        );
        assert_eq!(about("never-heard-of"), None);
    }

    #[test]
    fn links_become_their_text() {
        assert_eq!(
            plain("see [Overload](#overload), `a[0]`"),
            "see Overload, a[0]"
        );
    }
}
