//! Which strings are variants.

use std::collections::BTreeMap;

use crate::names::{fold, matching};
use crate::types::Values;

/// The maximum number of cases. A longer list of values is a string.
const CASES_MAX: usize = 64;

/// Returns the cases of a variant for the values of a string, without `other`. Returns `None` if
/// the string stays a string: half a list of cases would be a trap.
pub(crate) fn cases(values: &Values) -> Option<Vec<String>> {
    let Values::Known(values) = values else {
        return None;
    };
    if values.len() < 2 || values.len() > CASES_MAX {
        return None;
    }
    let mut cases = Vec::new();
    let mut folded = BTreeMap::new();
    for value in values {
        let name = matching(value)?;
        // The value `other` needs no case: the case `other` takes every text.
        let is_new = folded.insert(fold(&name), ()).is_none();
        if is_new && name != "other" {
            cases.push(name);
        }
    }
    (!cases.is_empty()).then_some(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Option<Vec<String>> {
        cases(&Values::Known(
            values.iter().map(|it| (*it).to_owned()).collect(),
        ))
    }

    #[test]
    fn list_with_a_value_without_a_name_is_a_string() {
        assert_eq!(of(&["open", "+1"]), None);
        assert_eq!(of(&["open", ""]), None);
        assert_eq!(of(&["only"]), None);
        assert_eq!(cases(&Values::Any), None);
    }

    #[test]
    fn equal_folded_values_are_one_case() {
        let names = of(&["to_do", "toDo", "too heated", "other"]);
        assert_eq!(names, Some(vec!["to-do".into(), "too-heated".into()]));
    }
}
