//! Texts of a provider's rules that contain what an operator writes in the source:
//! `https://sts.windows.net/{setting:tenant_id}/`.

use std::collections::BTreeMap;

use crate::value::{OwnPiece, Piece, Template};
use crate::{Secret, SetupError};

/// A text with settings of the source in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingText(Template<SettingPiece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum SettingPiece {
    Setting(String),
    Secret,
}

/// What an operator writes in a source.
#[derive(Debug, Clone, Copy)]
pub struct SettingValues<'v> {
    /// The values of `settings`.
    pub settings: &'v BTreeMap<String, String>,
    /// The first secret of the source.
    pub secret: Option<&'v Secret>,
}

impl OwnPiece for SettingPiece {
    const FORMS: &'static [&'static str] = &["{setting:NAME}", "{secret}"];

    fn parse(text: &str) -> Option<Result<Self, String>> {
        if text == "secret" {
            return Some(Ok(Self::Secret));
        }
        let name = text.strip_prefix("setting:")?;
        Some(if name.is_empty() {
            Err("`{setting:…}` has no name".to_owned())
        } else {
            Ok(Self::Setting(name.to_owned()))
        })
    }
}

impl SettingText {
    /// Parses a text.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if the text is not valid, or reads a request.
    pub fn parse(text: &str) -> Result<Self, SetupError> {
        let template = Template::parse(text)?;
        if template.places().next().is_some() {
            return Err(SetupError::Template {
                given: text.to_owned(),
                why: "it is the same for every request, so that it can contain only \
                      `{setting:NAME}`"
                    .to_owned(),
            });
        }
        Ok(Self(template))
    }

    /// Returns a text without settings.
    pub fn literal(text: impl Into<String>) -> Self {
        Self(Template::of(Piece::Text(text.into())))
    }

    /// Returns whether the text begins so, whatever its settings are.
    pub fn begins_with(&self, beginning: &str) -> bool {
        let first = self.0.pieces().first();
        matches!(first, Some(Piece::Text(text)) if text.starts_with(beginning))
    }

    /// Returns the names of the settings in the text.
    pub fn settings(&self) -> impl Iterator<Item = &str> {
        self.0.own_pieces().filter_map(|piece| match piece {
            SettingPiece::Setting(name) => Some(name.as_str()),
            SettingPiece::Secret => None,
        })
    }

    /// Returns whether the text contains the secret of the source.
    pub fn has_secret(&self) -> bool {
        let is_secret = |piece: &Piece<_>| matches!(piece, Piece::Own(SettingPiece::Secret));
        self.0.pieces().iter().any(is_secret)
    }

    /// Returns the text with the values of a source.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if the source lacks a value.
    pub fn fill(&self, source: SettingValues<'_>) -> Result<String, SetupError> {
        let mut out = String::new();
        for piece in self.0.pieces() {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Value(_) => {}
                Piece::Own(SettingPiece::Setting(name)) => {
                    let value = source.settings.get(name);
                    out.push_str(
                        value.ok_or_else(|| SetupError::MissingSetting { name: name.clone() })?,
                    );
                }
                Piece::Own(SettingPiece::Secret) => {
                    let secret = source.secret.ok_or(SetupError::NoKeys { what: "secret" })?;
                    out.push_str(&String::from_utf8_lossy(secret.expose()));
                }
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_filled_in() {
        let settings = BTreeMap::from([("tenant".to_owned(), "t1".to_owned())]);
        let source = SettingValues {
            settings: &settings,
            secret: None,
        };
        let fill = |text: &str| SettingText::parse(text).and_then(|text| text.fill(source));

        assert_eq!(fill("a/{setting:tenant}/{{b}}"), Ok("a/t1/{b}".to_owned()));
        assert!(matches!(
            fill("{setting:other}"),
            Err(SetupError::MissingSetting { .. })
        ));
        assert!(fill("{secret}").is_err());
        assert!(fill("{header:x}").is_err(), "a request has no say in it");
        assert!(fill("{setting:}").is_err());
        assert_eq!(
            SettingText::literal("{x}").fill(source),
            Ok("{x}".to_owned())
        );
    }
}
