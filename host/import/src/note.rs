//! What a document says about a type or a field: the later comment.
//!
//! Descriptions are text of others in a file that people trust, so hidden characters are dropped.

use std::hash::{Hash, Hasher};

use crate::document::{Node, Value};
use crate::error::short;

/// The maximum number of values that a comment lists.
const VALUES_MAX: usize = 12;

/// A comment. Two notes are always equal, because types that differ only in comments are one type.
#[derive(Debug, Clone, Default)]
pub(crate) struct Note {
    /// The first paragraph of the description, in one line.
    pub(crate) text: Option<String>,
    /// Sentences that the importer adds.
    pub(crate) remarks: Vec<String>,
    /// A value that the document gives as an example, for samples that are made up.
    pub(crate) sample: Option<Node>,
    /// The format of a string, for the same purpose.
    pub(crate) format: Option<String>,
}

impl PartialEq for Note {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Note {}

impl Hash for Note {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Note {
    /// Reads the annotations of a schema.
    pub(crate) fn of(schema: &Node) -> Self {
        let mut remarks = Vec::new();
        remarks.extend(format(schema));
        remarks.extend(bounds(schema));
        remarks.extend(fixed(schema));
        if schema.get("deprecated").is_some_and(Node::is_true) {
            remarks.push("Deprecated.".into());
        }
        let listed = schema.get("examples").and_then(Node::list);
        let example = schema.get("example").or(listed.and_then(|it| it.first()));
        let sample = example.or(schema.get("default")).or(schema.get("const"));
        Self {
            text: described(schema),
            remarks,
            sample: sample.cloned(),
            format: schema.get("format").and_then(Node::text).map(short),
        }
    }

    /// Returns this note, or the other one where this has nothing to say.
    pub(crate) fn or(self, other: Self) -> Self {
        if self.text.is_none() && self.remarks.is_empty() {
            return other;
        }
        Self {
            text: self.text.or(other.text),
            sample: self.sample.or(other.sample),
            format: self.format.or(other.format),
            ..self
        }
    }

    /// Returns the note as one text.
    pub(crate) fn sentences(&self) -> String {
        let text = self.text.as_deref().map(sentence).unwrap_or_default();
        let is_new = |remark: &&String| !text.contains(remark.as_str());
        let remarks: Vec<_> = self.remarks.iter().filter(is_new).cloned().collect();
        [vec![text.clone()], remarks]
            .concat()
            .join(" ")
            .trim()
            .to_owned()
    }
}

/// Returns `description`, otherwise `title`.
fn described(schema: &Node) -> Option<String> {
    let text = |key| schema.get(key).and_then(Node::text).and_then(paragraph);
    text("description").or_else(|| text("title"))
}

/// Returns the first paragraph of a text in Markdown, in one line and without hidden characters.
pub(crate) fn paragraph(text: &str) -> Option<String> {
    let lines = text
        .lines()
        .map(str::trim)
        .skip_while(|line| line.is_empty());
    let lines: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    let joined = without_links(&lines.join(" "));
    let shown: String = joined.chars().filter(|c| !is_hidden(*c)).collect();
    let words: Vec<_> = shown.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Whether a character does not show, or changes the order in which others show.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Replaces `[text](address)` by its text.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let link = rest[open..].find("](").map(|middle| open + middle);
        let end = link.and_then(|middle| rest[middle..].find(')').map(|end| middle + end));
        let (Some(middle), Some(end)) = (link, end) else {
            break;
        };
        plain.push_str(&rest[..open]);
        plain.push_str(&rest[open + 1..middle]);
        rest = &rest[end + 1..];
    }
    plain + rest
}

/// Ends a text with a full stop, unless the text ends with a mark already.
pub(crate) fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?', ':', ';', '…']) {
        return text.to_owned();
    }
    format!("{text}.")
}

/// Names the format of a string. The format of a number shows in its type.
fn format(schema: &Node) -> Option<String> {
    const OF_NUMBERS: [&str; 4] = ["int", "uint", "float", "double"];
    let format = schema.get("format").and_then(Node::text)?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if OF_NUMBERS.into_iter().any(|it| format.starts_with(it)) {
        return None;
    }
    if format.is_empty() || format.len() > 40 || !format.chars().all(is_word) {
        return None;
    }
    Some(format!("Format: {format}."))
}

fn bounds(schema: &Node) -> Option<String> {
    let number = |key| match schema.get(key).map(|node| &node.value) {
        Some(Value::Number(number)) if number.len() <= 24 => Some(number.as_str()),
        _ => None,
    };
    match (number("minimum"), number("maximum")) {
        (Some(min), Some(max)) => Some(format!("From {min} to {max}.")),
        (Some(min), None) => Some(format!("At least {min}.")),
        (None, Some(max)) => Some(format!("At most {max}.")),
        (None, None) => None,
    }
}

/// Names the only value of a `const`, of an `enum` of one value, or of numbers.
fn fixed(schema: &Node) -> Option<String> {
    let constant = schema.get("const").into_iter();
    let listed = schema.get("enum").and_then(Node::list).unwrap_or_default();
    let written = |node: &Node| match &node.value {
        Value::Number(number) => Some(format!("`{}`", short(number))),
        Value::Bool(value) => Some(format!("`{value}`")),
        _ => None,
    };
    let values: Option<Vec<_>> = constant.chain(listed).map(written).collect();
    values_of(&values?)
}

/// Lists values that are already quoted.
fn values_of(values: &[String]) -> Option<String> {
    match values {
        [] => None,
        [only] => Some(format!("Always {only}.")),
        several => {
            let shown = several[..several.len().min(VALUES_MAX)].join(", ");
            let more = if several.len() > VALUES_MAX {
                ", …"
            } else {
                ""
            };
            Some(format!("One of {shown}{more}."))
        }
    }
}

/// Lists the values of a string for its comment.
pub(crate) fn values(values: &[String]) -> Option<String> {
    let quoted = values.iter().map(|value| format!("`{}`", short(value)));
    values_of(&quoted.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_paragraph_is_one_line_without_links() {
        let check = |text, wanted: &str| assert_eq!(paragraph(text).as_deref(), Some(wanted));

        check(
            "\n  The [user](https://e.com/a).\nMore.\n\nNext.",
            "The user. More.",
        );
        check("a [b] c", "a [b] c");
        check("a [b](c", "a [b](c");
        check("x\u{202e}y\u{0}z\u{feff}", "xyz");
        assert_eq!(paragraph(" \n \u{200b}"), None);
    }

    #[test]
    fn values_are_listed_up_to_a_bound() {
        let letters: Vec<_> = ('a'..='z').map(String::from).collect();
        assert_eq!(values(&letters[..1]).as_deref(), Some("Always `a`."));
        assert_eq!(values(&letters[..2]).as_deref(), Some("One of `a`, `b`."));
        assert!(values(&letters).is_some_and(|it| it.ends_with("`k`, `l`, ….")));
    }
}
