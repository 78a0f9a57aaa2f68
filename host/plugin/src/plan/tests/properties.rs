//! Properties of decoding that hold for every type and every JSON.

use proptest::prelude::*;
use wasmtime::component::Val;

use super::arbitrary::{any_json, fitting, integers, literals, shapes};
use super::{MANY, decode};
use crate::plan::{Case, Plan, Pointer, Shape};

/// Returns whether a value has a type.
pub(super) fn is_of(value: &Val, shape: &Shape) -> bool {
    let payload = |value: &Option<Box<Val>>, shape: Option<&Shape>| match (value, shape) {
        (None, None) => true,
        (Some(value), Some(shape)) => is_of(value, shape),
        _ => false,
    };
    match (value, shape) {
        (Val::Bool(_), Shape::Bool)
        | (Val::S8(_), Shape::S8)
        | (Val::U8(_), Shape::U8)
        | (Val::S16(_), Shape::S16)
        | (Val::U16(_), Shape::U16)
        | (Val::S32(_), Shape::S32)
        | (Val::U32(_), Shape::U32)
        | (Val::S64(_), Shape::S64)
        | (Val::U64(_), Shape::U64)
        | (Val::Float32(_), Shape::Float32)
        | (Val::Float64(_), Shape::Float64)
        | (Val::Char(_), Shape::Char)
        | (Val::String(_), Shape::String)
        | (Val::Option(None), Shape::Option(_)) => true,
        (Val::Option(Some(value)), Shape::Option(inner)) => is_of(value, inner),
        (Val::List(values), Shape::List(element)) => {
            values.iter().all(|value| is_of(value, element))
        }
        (Val::Map(entries), Shape::Map(element)) => entries
            .iter()
            .all(|(key, value)| matches!(key, Val::String(_)) && is_of(value, element)),
        (Val::Tuple(values), Shape::Tuple(parts)) => {
            values.len() == parts.len()
                && values
                    .iter()
                    .zip(parts)
                    .all(|(value, part)| is_of(value, part))
        }
        (Val::Record(values), Shape::Record(fields)) => {
            let fits = |((name, value), field): (&(String, Val), &crate::plan::Field)| {
                *name == field.name && is_of(value, &field.shape)
            };
            values.len() == fields.len() && values.iter().zip(fields).all(fits)
        }
        (Val::Variant(name, value), Shape::Variant(cases)) => cases.iter().any(
            |Case {
                 name: case,
                 payload: shape,
             }| name == case && payload(value, shape.as_ref()),
        ),
        (Val::Enum(name), Shape::Enum(cases)) => cases.contains(name),
        (Val::Flags(names), Shape::Flags(flags)) => names.iter().all(|name| flags.contains(name)),
        (Val::Result(Ok(value)), Shape::Result { ok, .. }) => payload(value, ok.as_deref()),
        (Val::Result(Err(value)), Shape::Result { err, .. }) => payload(value, err.as_deref()),
        _ => false,
    }
}

/// Returns the number of values in a value, including the value itself.
fn count(value: &Val) -> usize {
    1 + match value {
        Val::List(values) | Val::Tuple(values) => values.iter().map(count).sum(),
        Val::Map(entries) => entries
            .iter()
            .map(|(key, value)| count(key) + count(value))
            .sum(),
        Val::Record(fields) => fields.iter().map(|(_, value)| count(value)).sum(),
        Val::Variant(_, Some(value)) | Val::Option(Some(value)) => count(value),
        Val::Result(Ok(Some(value)) | Err(Some(value))) => count(value),
        _ => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn fitting_json_decodes_to_its_value(
        (shape, (json, value)) in shapes().prop_flat_map(|shape| { let fitting = fitting(&shape); (Just(shape), fitting) })
    ) {
        prop_assert_eq!(decode(&shape, &json), Ok(value), "{}", json);
    }

    #[test]
    fn decoded_value_has_its_type(shape in shapes(), json in any_json()) {
        if let Ok(value) = decode(&shape, &json) {
            prop_assert!(is_of(&value, &shape), "{:?} from {} as {:?}", value, json, shape);
        }
    }

    #[test]
    fn broken_json_error_has_a_path(
        (shape, (json, _)) in shapes().prop_flat_map(|shape| { let fitting = fitting(&shape); (Just(shape), fitting) }),
        cut in any::<proptest::sample::Index>(),
    ) {
        let end = json.char_indices().map(|(at, _)| at).nth(cut.index(json.chars().count())).unwrap_or(0);
        // A prefix of a number may be a number as well.
        if let Err(undecodable) = decode(&shape, &json[..end]) {
            prop_assert!(undecodable.path.starts_with('$'));
        } else {
            prop_assert!(json.starts_with(|c: char| c.is_ascii_digit() || c == '-'), "{} of {}", &json[..end], json);
        }
    }

    #[test]
    fn arbitrary_text_causes_no_panic(shape in shapes(), text: String) {
        let _either = decode(&shape, &text);
    }

    #[test]
    fn integers_keep_all_digits(shape in integers(), literal in literals()) {
        let decoded = decode(&shape, &literal);
        let digits = match &decoded {
            Ok(Val::S8(value)) => value.to_string(),
            Ok(Val::U8(value)) => value.to_string(),
            Ok(Val::S16(value)) => value.to_string(),
            Ok(Val::U16(value)) => value.to_string(),
            Ok(Val::S32(value)) => value.to_string(),
            Ok(Val::U32(value)) => value.to_string(),
            Ok(Val::S64(value)) => value.to_string(),
            Ok(Val::U64(value)) => value.to_string(),
            _ => return Ok(()),
        };
        prop_assert_eq!(if literal == "-0" { "0" } else { literal.as_str() }, digits);
    }

    #[test]
    fn floats_keep_integers_exact(literal in "-?(0|[1-9][0-9]{0,36})") {
        if let Ok(Val::Float64(value)) = decode(&Shape::Float64, &literal) {
            prop_assert_eq!(literal.parse::<i128>(), Ok(value as i128));
        }
        if let Ok(Val::Float32(value)) = decode(&Shape::Float32, &literal) {
            prop_assert_eq!(literal.parse::<i128>(), Ok(value as i128));
        }
    }

    #[test]
    fn decoding_stops_at_the_value_limit(
        (shape, (json, value)) in shapes().prop_flat_map(|shape| { let fitting = fitting(&shape); (Just(shape), fitting) }),
        allowed in 0usize..40,
    ) {
        let plan = Plan::new(&shape, "it").expect("a plan");
        prop_assert!(plan.decode(&Pointer::default(), &json, MANY).is_ok());
        let is_decoded = plan.decode(&Pointer::default(), &json, allowed).is_ok();
        prop_assert!(!is_decoded || count(&value) <= allowed, "{} values of {}", count(&value), allowed);
    }
}
