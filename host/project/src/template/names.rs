//! How languages spell names of WIT.

use crate::bindings;

/// A spelling of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// `offer-accepted`, as in WIT.
    Kebab,
    /// `offer_accepted`.
    Snake,
    /// `OfferAccepted`.
    Pascal,
    /// `offerAccepted`.
    Camel,
    /// `OFFER_ACCEPTED`.
    Upper,
    /// `OfferID`: as Go spells `offer-id`.
    Go,
    /// `offeraccepted`: as Go spells the names of packages.
    Flat,
}

impl Spelling {
    /// Returns the spelling that a placeholder names.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "kebab" => Self::Kebab,
            "snake" => Self::Snake,
            "pascal" => Self::Pascal,
            "camel" => Self::Camel,
            "upper" => Self::Upper,
            "go" => Self::Go,
            "flat" => Self::Flat,
            _ => return None,
        })
    }

    /// Spells a name of WIT, which is in kebab case.
    pub(crate) fn of(self, name: &str) -> String {
        let words = name
            .split(['-', '_', ':', '/'])
            .filter(|word| !word.is_empty());
        match self {
            Self::Kebab => words.collect::<Vec<_>>().join("-"),
            Self::Snake => words
                .map(str::to_ascii_lowercase)
                .collect::<Vec<_>>()
                .join("_"),
            Self::Upper => words
                .map(str::to_ascii_uppercase)
                .collect::<Vec<_>>()
                .join("_"),
            Self::Go => bindings::go_name(name),
            Self::Flat => words.map(str::to_ascii_lowercase).collect(),
            Self::Pascal => words.map(capitalized).collect(),
            Self::Camel => {
                let mut words = words;
                let first = words.next().unwrap_or_default().to_ascii_lowercase();
                first + &words.map(capitalized).collect::<String>()
            }
        }
    }
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_for_languages() {
        for (spelling, expected) in [
            (Spelling::Kebab, "topi-saas"),
            (Spelling::Snake, "topi_saas"),
            (Spelling::Pascal, "TopiSaas"),
            (Spelling::Camel, "topiSaas"),
            (Spelling::Upper, "TOPI_SAAS"),
            (Spelling::Flat, "topisaas"),
        ] {
            assert_eq!(spelling.of("topi-saas"), expected);
        }
        assert_eq!(Spelling::Go.of("offer-id"), "OfferID");
    }
}
