//! Arbitrary shapes, JSON that fits them with the value that it stands for, and arbitrary JSON.

use proptest::prelude::*;
use proptest::sample::subsequence;

use crate::{Case, Field, Number, Shape, Value};

/// Names that differ from each other to a sender.
const NAMES: [&str; 7] = [
    "id",
    "created-at",
    "order-line-item",
    "x1",
    "status",
    "type",
    "other",
];

/// Types with all kinds of parts.
pub fn shapes() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Bool),
        integers(),
        Just(Shape::Float32),
        Just(Shape::Float64),
        Just(Shape::Char),
        Just(Shape::String),
        names(1).prop_map(Shape::Enum),
        names(1).prop_map(Shape::Flags),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let maybe = proptest::option::of(boxed.clone());
        prop_oneof![
            boxed.clone().prop_map(Shape::List),
            boxed.clone().prop_map(Shape::Map),
            boxed.clone().prop_map(Shape::Option),
            inner
                .clone()
                .prop_map(|value| Shape::List(Box::new(Shape::Tuple(vec![Shape::String, value])))),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Shape::Tuple),
            (maybe.clone(), maybe).prop_map(|(ok, err)| Shape::Result { ok, err }),
            named(inner.clone()).prop_map(|fields| {
                Shape::Record(
                    fields
                        .into_iter()
                        .map(|(name, shape)| Field { name, shape })
                        .collect(),
                )
            }),
            named(proptest::option::of(inner)).prop_map(|cases| {
                Shape::Variant(
                    cases
                        .into_iter()
                        .map(|(name, payload)| Case { name, payload })
                        .collect(),
                )
            }),
        ]
    })
}

/// The types of integers.
pub fn integers() -> impl Strategy<Value = Shape> {
    proptest::sample::select(vec![
        Shape::S8,
        Shape::U8,
        Shape::S16,
        Shape::U16,
        Shape::S32,
        Shape::U32,
        Shape::S64,
        Shape::U64,
    ])
}

fn names(least: usize) -> impl Strategy<Value = Vec<String>> {
    subsequence(&NAMES[..], least..5)
        .prop_map(|names| names.into_iter().map(str::to_owned).collect())
}

fn named<T: std::fmt::Debug>(
    inner: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = Vec<(String, T)>> {
    names(1).prop_flat_map(move |names| {
        let parts = proptest::collection::vec(inner.clone(), names.len());
        (Just(names), parts).prop_map(|(names, parts)| names.into_iter().zip(parts).collect())
    })
}

/// A JSON text and the value that it stands for.
pub type Fitting = BoxedStrategy<(String, Value)>;

/// JSON that fits a shape.
pub fn fitting(shape: &Shape) -> Fitting {
    match shape {
        Shape::Bool => leaf(any::<bool>(), Value::Bool),
        Shape::S8 => leaf(any::<i8>(), |it| Value::Number(Number::S8(it))),
        Shape::U8 => leaf(any::<u8>(), |it| Value::Number(Number::U8(it))),
        Shape::S16 => leaf(any::<i16>(), |it| Value::Number(Number::S16(it))),
        Shape::U16 => leaf(any::<u16>(), |it| Value::Number(Number::U16(it))),
        Shape::S32 => leaf(any::<i32>(), |it| Value::Number(Number::S32(it))),
        Shape::U32 => leaf(any::<u32>(), |it| Value::Number(Number::U32(it))),
        Shape::S64 => leaf(any::<i64>(), |it| Value::Number(Number::S64(it))),
        Shape::U64 => leaf(any::<u64>(), |it| Value::Number(Number::U64(it))),
        Shape::Float32 => leaf(proptest::num::f32::NORMAL, |it| {
            Value::Number(Number::F32(it))
        }),
        Shape::Float64 => leaf(proptest::num::f64::NORMAL, |it| {
            Value::Number(Number::F64(it))
        }),
        Shape::Char => leaf(any::<char>(), Value::Char),
        Shape::String => leaf(any::<String>(), Value::String),
        Shape::Enum(cases) => leaf(proptest::sample::select(cases.clone()), Value::Enum),
        Shape::Flags(flags) => leaf(subsequence(flags.clone(), 0..=flags.len()), Value::Flags),
        Shape::List(element) => proptest::collection::vec(fitting(element), 0..4)
            .prop_map(|parts| {
                let (texts, values): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
                (format!("[{}]", texts.join(" ,")), Value::List(values))
            })
            .boxed(),
        Shape::Map(value) => proptest::collection::btree_map(any::<String>(), fitting(value), 0..4)
            .prop_map(|entries| {
                let text = entries
                    .iter()
                    .map(|(key, (text, _))| format!("{}:{text}", json(key)));
                let text = text.collect::<Vec<_>>().join(",");
                let values = entries.into_iter().map(|(key, (_, value))| (key, value));
                (format!("{{{text}}}"), Value::Map(values.collect()))
            })
            .boxed(),
        Shape::Option(inner) => {
            let some = fitting(inner).prop_map(|(text, value)| match text.as_str() {
                "null" => (text, Value::Option(None)),
                _ => (text, Value::Option(Some(Box::new(value)))),
            });
            prop_oneof![Just(("null".to_owned(), Value::Option(None))), some].boxed()
        }
        Shape::Tuple(parts) => parts
            .iter()
            .map(fitting)
            .collect::<Vec<_>>()
            .prop_map(|parts| {
                let (texts, values): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
                (format!("[{}]", texts.join(",")), Value::Tuple(values))
            })
            .boxed(),
        Shape::Record(fields) => fitting_record(fields),
        Shape::Variant(_) if shape.is_json() => fitting_json(),
        Shape::Variant(cases) => {
            let one = |case: &Case| fitting_case(&case.name, case.payload.as_ref());
            proptest::strategy::Union::new(cases.iter().map(one)).boxed()
        }
        Shape::Result { ok, err } => {
            let case = |name: &str, payload: &Option<Box<Shape>>| {
                fitting_case(name, payload.as_deref()).prop_map(|(text, value)| match value {
                    Value::Variant(name, payload) if name == "ok" => {
                        (text, Value::Result(Ok(payload)))
                    }
                    Value::Variant(_, payload) => (text, Value::Result(Err(payload))),
                    other => (text, other),
                })
            };
            prop_oneof![case("ok", ok), case("err", err)].boxed()
        }
    }
}

/// JSON of any form, which is the text of a variant of `other` alone.
fn fitting_json() -> Fitting {
    let text = any_json().prop_map(|text| {
        let value = Value::Variant(
            "other".to_owned(),
            Some(Box::new(Value::String(text.clone()))),
        );
        (text, value)
    });
    text.boxed()
}

fn leaf<T, S>(values: S, wrap: fn(T) -> Value) -> Fitting
where
    T: serde::Serialize + std::fmt::Debug + 'static,
    S: Strategy<Value = T> + 'static,
{
    values
        .prop_map(move |value| (json(&value), wrap(value)))
        .boxed()
}

fn fitting_case(name: &str, payload: Option<&Shape>) -> Fitting {
    let name = name.to_owned();
    let key = spellings(&name);
    match payload {
        None => key
            .prop_map(move |key| (json(&key), Value::Variant(name.clone(), None)))
            .boxed(),
        Some(payload) => (key, fitting(payload))
            .prop_map(move |(key, (text, value))| {
                (
                    format!("{{{}:{text}}}", json(&key)),
                    Value::Variant(name.clone(), Some(Box::new(value))),
                )
            })
            .boxed(),
    }
}

/// Fields in any order and spelling, absent options sometimes left out, with a field that nobody
/// declared.
fn fitting_record(fields: &[Field]) -> Fitting {
    let field = |Field { name, shape }: &Field| {
        let is_option = matches!(shape, Shape::Option(_));
        let name = name.clone();
        (spellings(&name), fitting(shape), any::<bool>()).prop_map(
            move |(key, (text, value), keep)| {
                let is_there = keep || !is_option || text != "null";
                (
                    is_there.then(|| format!("{}: {text}", json(&key))),
                    (name.clone(), value),
                )
            },
        )
    };
    (fields.iter().map(field).collect::<Vec<_>>(), any::<bool>())
        .prop_map(|(fields, backwards)| {
            let (mut texts, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
            texts.push(Some(r#""undeclared":[{"id":1e400}]"#.replace("1e400", "1")));
            if backwards {
                texts.reverse();
            }
            let texts: Vec<String> = texts.into_iter().flatten().collect();
            (format!("{{{}}}", texts.join(",\n")), Value::Record(values))
        })
        .boxed()
}

/// The ways in which a sender may write a name.
fn spellings(name: &str) -> impl Strategy<Value = String> + use<> {
    let mut camel = String::new();
    for part in name.split('-') {
        let (first, rest) = part.split_at(1);
        camel.push_str(&if camel.is_empty() {
            first.to_owned()
        } else {
            first.to_uppercase()
        });
        camel.push_str(rest);
    }
    proptest::sample::select(vec![
        name.to_owned(),
        name.replace('-', "_"),
        camel,
        name.to_uppercase(),
    ])
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("it is JSON")
}

/// JSON of any form, with keys and strings that shapes may have, and numbers that are hard to hold.
pub fn any_json() -> impl Strategy<Value = String> {
    let name = || proptest::sample::select(&NAMES[..]).prop_map(|name| json(&name));
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| json(&value)),
        literals(),
        any::<String>().prop_map(|value| json(&value)),
        name(),
        Just(r#""\ud800""#.to_owned()),
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        let entry = (name(), inner.clone()).prop_map(|(key, value)| format!("{key}:{value}"));
        prop_oneof![
            proptest::collection::vec(inner, 0..4)
                .prop_map(|parts| format!("[{}]", parts.join(","))),
            proptest::collection::vec(entry, 0..4)
                .prop_map(|entries| format!("{{{}}}", entries.join(","))),
        ]
    })
}

/// Number literals, most of them near the edge of some type.
pub fn literals() -> impl Strategy<Value = String> {
    let edge = (0u32..=68, -2i128..=2).prop_map(|(bits, off)| ((1i128 << bits) + off).to_string());
    let negative =
        (0u32..=68, -2i128..=2).prop_map(|(bits, off)| (-(1i128 << bits) + off).to_string());
    prop_oneof![
        edge,
        negative,
        "-?(0|[1-9][0-9]{0,60})",
        "-?(0|[1-9][0-9]{0,20})\\.[0-9]{1,5}",
        "-?(0|[1-9][0-9]{0,5})[eE][+-]?[0-9]{1,3}",
    ]
}
