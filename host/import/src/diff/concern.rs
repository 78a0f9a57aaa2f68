//! Which changes concern a plugin, by the types that the plugin itself declares.
//!
//! A plugin declares the fields that it needs, and may declare them in another way than the
//! provider's WIT: as an option, as a wider number, or as an `enum` without `other`. So each change
//! at a path that the plugin declares is judged again, with the plugin's type as the old one.

use hookyard_shape::{OTHER, Shape, fold};

use super::{Change, Effect, What, effect};
use crate::lock::{Lock, Word};

/// Returns the changes that concern a plugin with this `event` variant, as they concern it.
pub fn concerning(changes: &[Change], new: &Lock, event: &Shape) -> Vec<Change> {
    let concerns = |change: &Change| {
        let ty = declared(event, change)?;
        let what = judged(change, new, ty)?;
        Some(Change {
            what,
            ..change.clone()
        })
    };
    changes.iter().filter_map(concerns).collect()
}

/// Returns the type that the plugin declares at the place of a change. Fails with `None` if the
/// plugin does not have the case of the event, or nothing at the path.
fn declared<'s>(event: &'s Shape, change: &Change) -> Option<&'s Shape> {
    let payload = case(event, &change.case)?;
    change.path.split('/').skip(1).try_fold(payload, step)
}

fn case<'s>(event: &'s Shape, name: &str) -> Option<&'s Shape> {
    let Shape::Variant(cases) = event else {
        return None;
    };
    let found = cases.iter().find(|case| fold(&case.name) == fold(name))?;
    found.payload.as_ref()
}

fn step<'s>(ty: &'s Shape, step: &str) -> Option<&'s Shape> {
    match ty {
        Shape::Option(inner) => self::step(inner, step),
        Shape::Record(fields) => {
            let key = fold(&step.replace("~1", "/").replace("~0", "~"));
            let found = fields.iter().find(|field| fold(&field.name) == key)?;
            Some(&found.shape)
        }
        Shape::List(item) => match (&**item, step) {
            (Shape::Tuple(parts), "{}") => parts.get(1),
            _ => Some(item),
        },
        Shape::Map(value) => Some(value),
        _ => None,
    }
}

/// Returns what a change is to a plugin with this type at its place, or `None` if it is nothing.
fn judged(change: &Change, new: &Lock, ty: &Shape) -> Option<What> {
    let (is_option, ty) = match ty {
        Shape::Option(inner) => (true, &**inner),
        required => (false, required),
    };
    match &change.what {
        What::MayBeAbsent if is_option => None,
        What::FieldRemoved { .. } => Some(What::FieldRemoved {
            was_option: is_option,
        }),
        What::Values { .. } | What::Opened { .. } if is_closed(ty) => Some(What::Type {
            from: "enum",
            to: "variant",
            effect: Effect::Undecodable("the enum has no `other`"),
        }),
        What::Type { .. } => match word(ty) {
            Some(old) => effect(&old, new_word(change, new)?),
            None => Some(change.what.clone()),
        },
        // The plugin declared the field before the sender had it, and reads it from now on.
        What::FieldAdded => match effect(&word(ty)?, new_word(change, new)?) {
            what @ Some(What::Type {
                effect: Effect::Undecodable(_),
                ..
            }) => what,
            _ => None,
        },
        _ => Some(change.what.clone()),
    }
}

fn new_word<'l>(change: &Change, new: &'l Lock) -> Option<&'l Word> {
    let event = new.events.get(&change.case)?;
    Some(&event.paths.get(&change.path)?.word)
}

fn is_closed(ty: &Shape) -> bool {
    match ty {
        Shape::Enum(cases) => !cases.iter().any(|case| case == OTHER),
        Shape::Variant(cases) => !cases.iter().any(|case| case.name == OTHER),
        _ => false,
    }
}

/// Returns the word of the lock file for a type, if there is a word for the type.
fn word(ty: &Shape) -> Option<Word> {
    Some(match ty {
        Shape::Bool => Word::Bool,
        Shape::S32 => Word::S32,
        Shape::S64 => Word::S64,
        Shape::U32 => Word::U32,
        Shape::U64 => Word::U64,
        Shape::Float64 => Word::F64,
        Shape::String => Word::Text,
        Shape::Record(_) => Word::Record,
        json if json.is_json() => Word::Json,
        Shape::Variant(cases) if !is_closed(ty) => {
            Word::Values(cases.iter().map(|case| case.name.clone()).collect())
        }
        Shape::List(item) if is_pair(item) => Word::Map,
        Shape::Map(_) => Word::Map,
        Shape::List(_) => Word::List,
        _ => return None,
    })
}

fn is_pair(ty: &Shape) -> bool {
    matches!(ty, Shape::Tuple(parts) if matches!(parts.as_slice(), [Shape::String, _]))
}
