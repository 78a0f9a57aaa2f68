//! Component values and their JSON. The rules of decoding are tested in `hookyard-shape`.

use hookyard_shape::{DecodeError, Number, Value};
use proptest::prelude::*;
use wasmtime::component::Val;

use super::{Case, ComponentValues, Field, Plan, Pointer, Shape};
use hookyard_shape::arbitrary::{any_json, fitting, shapes};

mod component;
mod encode;

const MANY: usize = 100_000;

fn decode(shape: &Shape, json: &str) -> Result<Val, DecodeError> {
    Plan::new(shape, "it")
        .expect("a shape that compiles")
        .decode::<ComponentValues>(&Pointer::default(), json, MANY)
}

/// A plain value as a component value.
fn component_value(value: Value) -> Val {
    let boxed = |value: Option<Box<Value>>| value.map(|value| Box::new(component_value(*value)));
    let all = |values: Vec<Value>| values.into_iter().map(component_value).collect();
    match value {
        Value::Bool(value) => Val::Bool(value),
        Value::Number(Number::S8(value)) => Val::S8(value),
        Value::Number(Number::U8(value)) => Val::U8(value),
        Value::Number(Number::S16(value)) => Val::S16(value),
        Value::Number(Number::U16(value)) => Val::U16(value),
        Value::Number(Number::S32(value)) => Val::S32(value),
        Value::Number(Number::U32(value)) => Val::U32(value),
        Value::Number(Number::S64(value)) => Val::S64(value),
        Value::Number(Number::U64(value)) => Val::U64(value),
        Value::Number(Number::F32(value)) => Val::Float32(value),
        Value::Number(Number::F64(value)) => Val::Float64(value),
        Value::Char(value) => Val::Char(value),
        Value::String(value) => Val::String(value),
        Value::List(values) => Val::List(all(values)),
        Value::Tuple(values) => Val::Tuple(all(values)),
        Value::Map(entries) => {
            let entry = |(key, value)| (Val::String(key), component_value(value));
            Val::Map(entries.into_iter().map(entry).collect())
        }
        Value::Record(fields) => {
            let field = |(name, value)| (name, component_value(value));
            Val::Record(fields.into_iter().map(field).collect())
        }
        Value::Variant(case, payload) => Val::Variant(case, boxed(payload)),
        Value::Result(result) => Val::Result(result.map(boxed).map_err(boxed)),
        Value::Enum(case) => Val::Enum(case),
        Value::Option(value) => Val::Option(boxed(value)),
        Value::Flags(set) => Val::Flags(set),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn fitting_json_decodes_to_its_component_value(
        (shape, (json, value)) in shapes().prop_flat_map(|shape| { let fitting = fitting(&shape); (Just(shape), fitting) })
    ) {
        prop_assert_eq!(decode(&shape, &json), Ok(component_value(value)), "{}", json);
    }

    #[test]
    fn both_outputs_agree(shape in shapes(), json in any_json()) {
        let plan = Plan::new(&shape, "it").expect("a shape that compiles");
        let plain = plan.decode::<Value>(&Pointer::default(), &json, MANY);
        prop_assert_eq!(decode(&shape, &json), plain.map(component_value), "{}", json);
    }
}

fn record(fields: impl IntoIterator<Item = (&'static str, Shape)>) -> Shape {
    Shape::Record(
        fields
            .into_iter()
            .map(|(name, shape)| Field {
                name: name.into(),
                shape,
            })
            .collect(),
    )
}

fn variant(cases: impl IntoIterator<Item = (&'static str, Option<Shape>)>) -> Shape {
    Shape::Variant(
        cases
            .into_iter()
            .map(|(name, payload)| Case {
                name: name.into(),
                payload,
            })
            .collect(),
    )
}

fn option(shape: Shape) -> Shape {
    Shape::Option(Box::new(shape))
}

fn list(shape: Shape) -> Shape {
    Shape::List(Box::new(shape))
}

fn text(text: &str) -> Val {
    Val::String(text.into())
}

fn some(value: Val) -> Val {
    Val::Option(Some(Box::new(value)))
}

const NONE: Val = Val::Option(None);
