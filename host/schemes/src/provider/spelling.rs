//! A receiver's spelling of WIT names such as `postal-code`.

use std::collections::BTreeMap;

/// The spelling of names: one rule, and exceptions from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spelling {
    /// The rule.
    pub case: NameCase,
    /// The receiver's names, by WIT name, where the rule does not produce them. WIT has no name for
    /// `line_1`, for example, only `line1`.
    pub exceptions: BTreeMap<String, String>,
}

/// The way in which the words of a name are joined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NameCase {
    /// `postal_code`
    #[default]
    Snake,
    /// `postalCode`
    Camel,
    /// `PostalCode`
    Pascal,
    /// `postal-code`
    Kebab,
}

impl NameCase {
    /// Every rule.
    pub const ALL: [Self; 4] = [Self::Snake, Self::Camel, Self::Pascal, Self::Kebab];

    /// Returns the name of the rule in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Snake => "snake",
            Self::Camel => "camel",
            Self::Pascal => "pascal",
            Self::Kebab => "kebab",
        }
    }
}

impl Spelling {
    /// Returns the receiver's spelling of a WIT name.
    pub fn spell(&self, name: &str) -> String {
        if let Some(exception) = self.exceptions.get(name) {
            return exception.clone();
        }
        match self.case {
            NameCase::Snake => name.replace('-', "_"),
            NameCase::Kebab => name.to_owned(),
            NameCase::Camel => name
                .split('-')
                .enumerate()
                .map(|(index, word)| match index {
                    0 => word.to_owned(),
                    _ => capitalized(word),
                })
                .collect(),
            NameCase::Pascal => name.split('-').map(capitalized).collect(),
        }
    }
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule_and_its_exceptions() {
        let exceptions = BTreeMap::from([("line1".to_owned(), "line_1".to_owned())]);

        for (case, names) in [
            (NameCase::Snake, ["id", "postal_code", "line2", "line_1"]),
            (NameCase::Camel, ["id", "postalCode", "line2", "line_1"]),
            (NameCase::Pascal, ["Id", "PostalCode", "Line2", "line_1"]),
            (NameCase::Kebab, ["id", "postal-code", "line2", "line_1"]),
        ] {
            let spelling = Spelling {
                case,
                exceptions: exceptions.clone(),
            };
            assert_eq!(
                ["id", "postal-code", "line2", "line1"].map(|name| spelling.spell(name)),
                names,
                "{case:?}"
            );
        }
    }
}
