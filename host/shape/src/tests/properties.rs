//! Properties of decoding that hold for every type and every JSON.

use proptest::prelude::*;

use super::{MANY, decode};
use crate::arbitrary::{any_json, fitting, integers, literals, shapes};
use crate::{Case, Field, Number, Plan, Pointer, Shape, Value};

/// Returns whether a value has a type.
fn is_of(value: &Value, shape: &Shape) -> bool {
    let payload = |value: &Option<Box<Value>>, shape: Option<&Shape>| match (value, shape) {
        (None, None) => true,
        (Some(value), Some(shape)) => is_of(value, shape),
        _ => false,
    };
    match (value, shape) {
        (Value::Bool(_), Shape::Bool)
        | (Value::Number(Number::S8(_)), Shape::S8)
        | (Value::Number(Number::U8(_)), Shape::U8)
        | (Value::Number(Number::S16(_)), Shape::S16)
        | (Value::Number(Number::U16(_)), Shape::U16)
        | (Value::Number(Number::S32(_)), Shape::S32)
        | (Value::Number(Number::U32(_)), Shape::U32)
        | (Value::Number(Number::S64(_)), Shape::S64)
        | (Value::Number(Number::U64(_)), Shape::U64)
        | (Value::Number(Number::F32(_)), Shape::Float32)
        | (Value::Number(Number::F64(_)), Shape::Float64)
        | (Value::Char(_), Shape::Char)
        | (Value::String(_), Shape::String)
        | (Value::Option(None), Shape::Option(_)) => true,
        (Value::Option(Some(value)), Shape::Option(inner)) => is_of(value, inner),
        (Value::List(values), Shape::List(element)) => {
            values.iter().all(|value| is_of(value, element))
        }
        (Value::Map(entries), Shape::Map(element)) => {
            entries.iter().all(|(_, value)| is_of(value, element))
        }
        (Value::Tuple(values), Shape::Tuple(parts)) => {
            values.len() == parts.len()
                && values
                    .iter()
                    .zip(parts)
                    .all(|(value, part)| is_of(value, part))
        }
        (Value::Record(values), Shape::Record(fields)) => {
            let fits = |((name, value), field): (&(String, Value), &Field)| {
                *name == field.name && is_of(value, &field.shape)
            };
            values.len() == fields.len() && values.iter().zip(fields).all(fits)
        }
        (Value::Variant(name, value), Shape::Variant(cases)) => cases.iter().any(
            |Case {
                 name: case,
                 payload: shape,
             }| name == case && payload(value, shape.as_ref()),
        ),
        (Value::Enum(name), Shape::Enum(cases)) => cases.contains(name),
        (Value::Flags(names), Shape::Flags(flags)) => names.iter().all(|name| flags.contains(name)),
        (Value::Result(Ok(value)), Shape::Result { ok, .. }) => payload(value, ok.as_deref()),
        (Value::Result(Err(value)), Shape::Result { err, .. }) => payload(value, err.as_deref()),
        _ => false,
    }
}

/// Returns the number of values in a value, including the value itself.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::List(values) | Value::Tuple(values) => values.iter().map(count).sum(),
        Value::Map(entries) => entries.iter().map(|(_, value)| 1 + count(value)).sum(),
        Value::Record(fields) => fields.iter().map(|(_, value)| count(value)).sum(),
        Value::Variant(_, Some(value)) | Value::Option(Some(value)) => count(value),
        Value::Result(Ok(Some(value)) | Err(Some(value))) => count(value),
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
            Ok(Value::Number(Number::S8(value))) => value.to_string(),
            Ok(Value::Number(Number::U8(value))) => value.to_string(),
            Ok(Value::Number(Number::S16(value))) => value.to_string(),
            Ok(Value::Number(Number::U16(value))) => value.to_string(),
            Ok(Value::Number(Number::S32(value))) => value.to_string(),
            Ok(Value::Number(Number::U32(value))) => value.to_string(),
            Ok(Value::Number(Number::S64(value))) => value.to_string(),
            Ok(Value::Number(Number::U64(value))) => value.to_string(),
            _ => return Ok(()),
        };
        prop_assert_eq!(if literal == "-0" { "0" } else { literal.as_str() }, digits);
    }

    #[test]
    fn floats_keep_integers_exact(literal in "-?(0|[1-9][0-9]{0,36})") {
        if let Ok(Value::Number(Number::F64(value))) = decode(&Shape::Float64, &literal) {
            prop_assert_eq!(literal.parse::<i128>(), Ok(value as i128));
        }
        if let Ok(Value::Number(Number::F32(value))) = decode(&Shape::Float32, &literal) {
            prop_assert_eq!(literal.parse::<i128>(), Ok(value as i128));
        }
    }

    #[test]
    fn decoding_stops_at_the_value_limit(
        (shape, (json, value)) in shapes().prop_flat_map(|shape| { let fitting = fitting(&shape); (Just(shape), fitting) }),
        allowed in 0usize..40,
    ) {
        let plan = Plan::new(&shape, "it").expect("a plan");
        prop_assert!(plan.decode::<Value>(&Pointer::default(), &json, MANY).is_ok());
        let is_decoded = plan.decode::<Value>(&Pointer::default(), &json, allowed).is_ok();
        prop_assert!(!is_decoded || count(&value) <= allowed, "{} values of {}", count(&value), allowed);
    }
}
