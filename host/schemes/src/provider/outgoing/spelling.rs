//! How a receiver writes what WIT calls `postal-code`.

use std::collections::BTreeMap;

/// How names are written: by one rule, but for some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spelling {
    /// The rule.
    pub case: Case,
    /// WIT's name → the receiver's, where the rule doesn't lead there: WIT has no `line_1`, only `line1`.
    pub exceptions: BTreeMap<String, String>,
}

/// How the words of a name are joined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Case {
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

impl Case {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Snake, Self::Camel, Self::Pascal, Self::Kebab];

    /// As configuration calls it.
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
    /// The receiver's spelling of a WIT name.
    pub fn spell(&self, name: &str) -> String {
        if let Some(exception) = self.exceptions.get(name) {
            return exception.clone();
        }
        match self.case {
            Case::Snake => name.replace('-', "_"),
            Case::Kebab => name.to_owned(),
            Case::Camel => name
                .split('-')
                .enumerate()
                .map(|(at, word)| capital(word, at > 0))
                .collect(),
            Case::Pascal => name.split('-').map(|word| capital(word, true)).collect(),
        }
    }
}

fn capital(word: &str, is_wanted: bool) -> String {
    let mut chars = word.chars();
    match chars.next() {
        Some(first) if is_wanted => first.to_uppercase().chain(chars).collect(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_by_the_rule_but_for_the_exceptions() {
        let exceptions = BTreeMap::from([("line1".to_owned(), "line_1".to_owned())]);
        for (case, names) in [
            (Case::Snake, ["id", "postal_code", "line2", "line_1"]),
            (Case::Camel, ["id", "postalCode", "line2", "line_1"]),
            (Case::Pascal, ["Id", "PostalCode", "Line2", "line_1"]),
            (Case::Kebab, ["id", "postal-code", "line2", "line_1"]),
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
