//! Templates for event types that contain values of the payload, such as `offer.{/status}`.

use crate::{JsonPointer, SetupError};

/// A text with JSON pointers in braces. Each pointer must point at a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    pieces: Vec<TemplatePiece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePiece {
    Text(String),
    Value(JsonPointer),
}

impl Template {
    /// Parses a template such as `offer.{/status}`.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if the template is empty, or if a brace or a pointer is not valid.
    pub fn parse(text: &str) -> Result<Self, SetupError> {
        let refuse = |why: &str| SetupError::Template {
            given: text.to_owned(),
            why: why.to_owned(),
        };

        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (pointer, after) = after
                .split_once('}')
                .ok_or_else(|| refuse("a `{` has no `}`"))?;
            let pointer =
                JsonPointer::parse(pointer).map_err(|error| refuse(&error.to_string()))?;
            pieces.extend([
                TemplatePiece::Text(before.to_owned()),
                TemplatePiece::Value(pointer),
            ]);
            rest = after;
        }
        pieces.push(TemplatePiece::Text(rest.to_owned()));
        pieces.retain(|piece| *piece != TemplatePiece::Text(String::new()));

        if pieces.is_empty() {
            return Err(refuse("it is empty"));
        }
        Ok(Self {
            text: text.to_owned(),
            pieces,
        })
    }

    /// Returns the template as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the pointers in the template, in order.
    pub(super) fn pointers(&self) -> impl Iterator<Item = &JsonPointer> {
        self.pieces.iter().filter_map(|piece| match piece {
            TemplatePiece::Text(_) => None,
            TemplatePiece::Value(pointer) => Some(pointer),
        })
    }

    /// Returns the text with each value filled in by `find`; `None` if a value is missing.
    pub(super) fn fill(&self, find: impl Fn(&JsonPointer) -> Option<String>) -> Option<String> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                TemplatePiece::Text(text) => out.push_str(text),
                TemplatePiece::Value(pointer) => out.push_str(&find(pointer)?),
            }
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_is_filled_from_the_payload() {
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
