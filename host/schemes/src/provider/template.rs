//! Event types that are put together from the payload, such as `offer.{/status}`.

use crate::{JsonPointer, SetupError};

/// Fixed text with JSON pointers in braces, each of which has to point at a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(JsonPointer),
}

impl Template {
    /// Reads a template such as `offer.{/status}`.
    pub fn parse(text: &str) -> Result<Self, SetupError> {
        let refuse = |why: &str| SetupError::Template {
            given: text.to_owned(),
            why: why.to_owned(),
        };
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (pointer, after) = after
                .split_once('}')
                .ok_or_else(|| refuse("a `{` has no `}`"))?;
            let pointer =
                JsonPointer::parse(pointer).map_err(|error| refuse(&error.to_string()))?;
            parts.extend([Part::Text(before.to_owned()), Part::Value(pointer)]);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| *part != Part::Text(String::new()));
        if parts.is_empty() {
            return Err(refuse("it is empty"));
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// The template as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text with each value filled in by `find`; `None` when one is missing.
    pub(super) fn fill(&self, find: impl Fn(&JsonPointer) -> Option<String>) -> Option<String> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Value(pointer) => out.push_str(&find(pointer)?),
            }
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_read_and_filled() {
        let fill = |template: &str| {
            let template = Template::parse(template).expect("a template");
            template.fill(|pointer| (pointer.as_str() == "/status").then(|| "paid".to_owned()))
        };
        assert_eq!(fill("offer.{/status}"), Some("offer.paid".into()));
        assert_eq!(fill("{/status}"), Some("paid".into()));
        assert_eq!(fill("fixed"), Some("fixed".into()));
        assert_eq!(fill("offer.{/other}"), None);
        for bad in ["", "offer.{/status", "offer.{status}"] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }
}
