//! What becomes of a new body under an old type.

use std::collections::BTreeMap;

use hookyard_shape::fold;

use super::What;
use crate::lock::Word;

/// What a plugin with the old type makes of values of the new type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The plugin reads them as before.
    None,
    /// The plugin decodes them, and they mean something else.
    Silent(&'static str),
    /// The plugin cannot decode all of them.
    Undecodable(&'static str),
}

/// Returns the change of a type, or `None` if the types are the same to a plugin.
pub(super) fn effect(old: &Word, new: &Word) -> Option<What> {
    if let (Word::Values(old), Word::Values(new)) = (old, new) {
        return values(old, new);
    }
    if old == new || (is_json_text(old) && is_json_text(new)) {
        return None;
    }
    if let (Word::Text, Word::Values(_)) | (Word::Values(_), Word::Text) = (old, new) {
        let (from, to) = (old.name(), new.name());
        return Some(What::Opened { from, to });
    }

    let effect = match (range(old), range(new)) {
        (Some(old), Some(new)) => number(old, new),
        _ => of_kinds(old, new),
    };
    Some(What::Type {
        from: old.name(),
        to: new.name(),
        effect,
    })
}

/// Compares the values of two variants that end with `other(string)`.
fn values(old: &[String], new: &[String]) -> Option<What> {
    let by_fold = |values: &[String]| -> BTreeMap<String, String> {
        let entry = |value: &String| (fold(value), value.clone());
        values.iter().map(entry).collect()
    };
    let (old, new) = (by_fold(old), by_fold(new));
    let lacking = |values: &BTreeMap<String, String>, from: &BTreeMap<String, String>| {
        let lacking = values.iter().filter(|(name, _)| !from.contains_key(*name));
        lacking.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    let (added, removed) = (lacking(&new, &old), lacking(&old, &new));
    let is_same = added.is_empty() && removed.is_empty();
    (!is_same).then_some(What::Values { added, removed })
}

fn of_kinds(old: &Word, new: &Word) -> Effect {
    match (old, new) {
        // Both take any value: the variant `json` as its text, a variant of values as `other`.
        (Word::Json, _) => Effect::None,
        (Word::Values(_), _) => Effect::Silent("the case is `other` with the text of the JSON"),
        (Word::Text, Word::JsonText | Word::Cut | Word::Record | Word::List | Word::Map) => {
            Effect::Silent("the string is the text of the JSON")
        }
        (Word::JsonText | Word::Cut, Word::Text | Word::Values(_)) => {
            Effect::Silent("the string is not the text of JSON anymore")
        }
        (Word::JsonText | Word::Cut, Word::Record | Word::List | Word::Map) => Effect::None,
        // The type contains itself, and the recursion ends at another place.
        (Word::Record | Word::List | Word::Map, Word::Cut) => Effect::None,
        (Word::Record, Word::JsonText) => Effect::Undecodable("fields may be absent"),
        _ => Effect::Undecodable("the value is of another kind"),
    }
}

const fn is_json_text(word: &Word) -> bool {
    matches!(word, Word::JsonText | Word::Cut)
}

/// The numbers of a type: the least and the greatest integer, or floats.
#[derive(Clone, Copy)]
enum Range {
    Integers(i128, i128),
    Floats,
}

const fn range(word: &Word) -> Option<Range> {
    Some(match word {
        Word::S32 => Range::Integers(i32::MIN as i128, i32::MAX as i128),
        Word::U32 => Range::Integers(0, u32::MAX as i128),
        Word::S64 => Range::Integers(i64::MIN as i128, i64::MAX as i128),
        Word::U64 => Range::Integers(0, u64::MAX as i128),
        Word::F64 => Range::Floats,
        _ => return None,
    })
}

fn number(old: Range, new: Range) -> Effect {
    /// Floats represent all integers up to this magnitude.
    const EXACT_MAX: i128 = 1 << 53;
    match (old, new) {
        (Range::Floats, Range::Floats) => Effect::None,
        (Range::Integers(..), Range::Floats) => Effect::Undecodable("numbers may have a fraction"),
        (Range::Floats, Range::Integers(least, greatest)) => {
            if least >= -EXACT_MAX && greatest <= EXACT_MAX {
                Effect::None
            } else {
                Effect::Silent("integers of more than 53 bits are undecodable")
            }
        }
        (Range::Integers(least, greatest), Range::Integers(new_least, new_greatest)) => {
            if least <= new_least && new_greatest <= greatest {
                Effect::None
            } else {
                Effect::Undecodable("numbers may be out of the range")
            }
        }
    }
}
