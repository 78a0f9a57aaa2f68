//! Against wasmtime itself: a component with an arbitrary parameter is read back as the shape that
//! it was made from, and accepts the values that are decoded for the component.

use std::fmt::Write as _;

use proptest::prelude::*;
use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, Type};

use hookyard_hostile::{REALLOC, realloc_function};
use hookyard_shape::arbitrary::{fitting, shapes};

use super::decode;
use crate::engine::settings;
use crate::plan::{Shape, shape_of};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn wasmtime_agrees(
        (shape, (json, _)) in shapes().prop_flat_map(|shape| { let fitting = fitting(&shape); (Just(shape), fitting) })
    ) {
        let engine = wasmtime::Engine::new(&settings()).expect("an engine");
        let component = component(&engine, &shape);
        prop_assert_eq!(shape_of(&parameter(&component), "it"), Ok(shape.clone()));
        let value = decode(&shape, &json).expect("it fits");
        let mut store = Store::new(&engine, ());
        store.set_epoch_deadline(u64::MAX / 2);
        let instance = Linker::new(&engine).instantiate(&mut store, &component).expect("an instance");
        let function = instance.get_func(&mut store, "take").expect("the function");
        let called = function.call(&mut store, &[value], &mut []);
        prop_assert!(called.is_ok(), "{:?} for {:?}", called, shape);
    }
}

fn parameter(component: &Component) -> Type {
    let ty = component.component_type();
    match ty
        .get_export(component.engine(), "take")
        .map(|item| item.ty)
    {
        Some(ComponentItem::ComponentFunc(function)) => {
            let (_, ty) = function.params().next().expect("a parameter");
            ty
        }
        other => panic!("take is {other:?}"),
    }
}

/// A component that exports `take: func(it: <shape>)`, which does nothing.
fn component(engine: &wasmtime::Engine, shape: &Shape) -> Component {
    let mut types = String::new();
    let it = declare(shape, &mut types, &mut 0);
    let flat = flat(shape);
    let parameters = if flat.len() > 16 {
        "i32".to_owned()
    } else {
        flat.join(" ")
    };
    let realloc = realloc_function(REALLOC);
    let text = format!(
        r#"(component
          {types}
          (core module $m
            (memory (export "memory") 32)
            (global $next (mut i32) (i32.const 16))
            {realloc}
            (func (export "take") (param {parameters})))
          (core instance $i (instantiate $m))
          (func (export "take") (param "it" {it})
            (canon lift (core func $i "take") (memory (core memory $i "memory"))
              (realloc (core func $i "realloc")))))"#
    );
    let bytes = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Component::new(engine, bytes).unwrap_or_else(|error| panic!("{error:?}\n{text}"))
}

/// Writes the types that need a name, and returns how to refer to this one.
fn declare(shape: &Shape, types: &mut String, count: &mut usize) -> String {
    let strings = |names: &[String]| {
        names
            .iter()
            .map(|name| format!(" {name:?}"))
            .collect::<String>()
    };
    let definition = match shape {
        Shape::Bool => return "bool".into(),
        Shape::S8 => return "s8".into(),
        Shape::U8 => return "u8".into(),
        Shape::S16 => return "s16".into(),
        Shape::U16 => return "u16".into(),
        Shape::S32 => return "s32".into(),
        Shape::U32 => return "u32".into(),
        Shape::S64 => return "s64".into(),
        Shape::U64 => return "u64".into(),
        Shape::Float32 => return "f32".into(),
        Shape::Float64 => return "f64".into(),
        Shape::Char => return "char".into(),
        Shape::String => return "string".into(),
        Shape::List(element) => return format!("(list {})", declare(element, types, count)),
        Shape::Map(value) => return format!("(map string {})", declare(value, types, count)),
        Shape::Option(inner) => return format!("(option {})", declare(inner, types, count)),
        Shape::Tuple(parts) => {
            return format!(
                "(tuple {})",
                parts
                    .iter()
                    .map(|it| declare(it, types, count))
                    .collect::<Vec<_>>()
                    .join(" ")
            );
        }
        Shape::Result { ok, err } => {
            let ok = ok
                .as_ref()
                .map(|ok| declare(ok, types, count))
                .unwrap_or_default();
            let err = err
                .as_ref()
                .map(|err| format!("(error {})", declare(err, types, count)))
                .unwrap_or_default();
            return format!("(result {ok} {err})");
        }
        Shape::Record(fields) => fields.iter().fold("record".to_owned(), |text, field| {
            format!(
                "{text} (field {:?} {})",
                field.name,
                declare(&field.shape, types, count)
            )
        }),
        Shape::Variant(cases) => cases.iter().fold("variant".to_owned(), |text, case| {
            let payload = case
                .payload
                .as_ref()
                .map(|it| declare(it, types, count))
                .unwrap_or_default();
            format!("{text} (case {:?} {payload})", case.name)
        }),
        Shape::Enum(cases) => format!("enum{}", strings(cases)),
        Shape::Flags(flags) => format!("flags{}", strings(flags)),
    };
    *count += 1;
    writeln!(
        types,
        "(type $t{count} ({definition})) (export $e{count} \"t{count}\" (type $t{count}))"
    )
    .expect("a valid string");
    format!("$e{count}")
}

/// The core types that a value is passed as, as the canonical ABI says.
fn flat(shape: &Shape) -> Vec<&'static str> {
    let cases = |payloads: &[Option<&Shape>]| {
        let mut joined: Vec<&'static str> = Vec::new();
        for payload in payloads.iter().flatten() {
            for (place, ty) in flat(payload).into_iter().enumerate() {
                match joined.get(place).copied() {
                    None => joined.push(ty),
                    Some(had) if had == ty => {}
                    Some("i32" | "f32") if matches!(ty, "i32" | "f32") => joined[place] = "i32",
                    Some(_) => joined[place] = "i64",
                }
            }
        }
        [vec!["i32"], joined].concat()
    };
    match shape {
        Shape::S64 | Shape::U64 => vec!["i64"],
        Shape::Float32 => vec!["f32"],
        Shape::Float64 => vec!["f64"],
        Shape::String | Shape::List(_) | Shape::Map(_) => vec!["i32", "i32"],
        Shape::Tuple(parts) => parts.iter().flat_map(flat).collect(),
        Shape::Record(fields) => fields.iter().flat_map(|field| flat(&field.shape)).collect(),
        Shape::Variant(all) => cases(
            &all.iter()
                .map(|case| case.payload.as_ref())
                .collect::<Vec<_>>(),
        ),
        Shape::Option(inner) => cases(&[None, Some(inner)]),
        Shape::Result { ok, err } => cases(&[ok.as_deref(), err.as_deref()]),
        _ => vec!["i32"],
    }
}
