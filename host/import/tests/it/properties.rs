//! What holds for every schema.

use std::collections::BTreeSet;

use hookyard_import::{Imported, Options, import};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::support::{cases, imported, request};

/// Keys as senders write them, with some that have no name in WIT.
const KEYS: [&str; 9] = [
    "id", "userName", "line_1", "type", "a.b", "+1", "größe", "ab", "HTMLUrl",
];

/// Returns schemas of every form. `$ref`s lead to three components, which may contain themselves.
fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({ "type": "string" })),
        Just(json!({ "type": "integer" })),
        Just(json!({ "type": "integer", "format": "int32" })),
        Just(json!({ "type": "number" })),
        Just(json!({ "type": ["boolean", "null"] })),
        Just(json!({ "enum": ["open", "to do", "done"] })),
        Just(json!({ "type": "string", "enum": ["", "+1"], "nullable": true })),
        Just(json!({ "const": "fixed" })),
        Just(json!({})),
        Just(json!({ "type": "object" })),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let field = (prop::sample::select(&KEYS[..]), inner.clone(), any::<bool>());
        let object = prop::collection::vec(field, 1..5).prop_map(object);
        prop_oneof![
            3 => object.clone(),
            1 => inner.clone().prop_map(|items| json!({ "type": "array", "items": items })),
            1 => inner.clone().prop_map(|value| json!({ "type": "object", "additionalProperties": value })),
            1 => (inner.clone(), inner).prop_map(|(one, another)| json!({ "oneOf": [one, another] })),
            1 => object.prop_map(|object| json!({ "allOf": [object], "description": "A\nB" })),
            1 => (0..3usize).prop_map(|n| json!({ "$ref": format!("#/components/schemas/C{n}") })),
        ]
    })
}

fn object(fields: Vec<(&str, Value, bool)>) -> Value {
    let mut properties = Map::new();
    let mut required = BTreeSet::new();
    for (key, schema, is_required) in fields {
        // A type that requires itself has no body.
        if is_required && !schema.to_string().contains("$ref") {
            required.insert(key);
        } else {
            required.remove(key);
        }
        properties.insert(key.to_owned(), schema);
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

fn document(events: &[Value], components: &[Value]) -> String {
    let webhook = |schema: &Value| json!({ "post": { "requestBody": { "content": { "application/json": { "schema": schema } } } } });
    let named = |prefix: &str, values: Vec<Value>| -> Map<String, Value> {
        let pairs = values.into_iter().enumerate();
        pairs
            .map(|(place, value)| (format!("{prefix}{place}"), value))
            .collect()
    };
    let webhooks = named("event", events.iter().map(webhook).collect());
    let schemas = named("C", components.to_vec());
    json!({ "openapi": "3.1.0", "webhooks": webhooks, "components": { "schemas": schemas } })
        .to_string()
}

/// Returns events and components of a document.
fn parts() -> impl Strategy<Value = (Vec<Value>, Vec<Value>)> {
    let component = prop::collection::vec(
        (prop::sample::select(&KEYS[..]), schemas(), any::<bool>()),
        1..4,
    );
    let components = prop::collection::vec(component.prop_map(object), 3);
    (prop::collection::vec(schemas(), 1..4), components)
}

/// Makes a body of a schema. The number decides what is chosen.
fn body(schema: &Value, components: &[Value], choice: &mut u64, depth: usize) -> Value {
    *choice = choice
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    let pick = (*choice >> 33) as usize;
    if let Some(reference) = schema["$ref"].as_str() {
        let place: usize = reference[reference.len() - 1..].parse().unwrap();
        return body(&components[place], components, choice, depth + 1);
    }
    if let Some(list) = schema["oneOf"].as_array().or(schema["allOf"].as_array()) {
        return body(&list[pick % list.len()], components, choice, depth + 1);
    }
    if let Some(list) = schema["enum"].as_array() {
        return list[pick % list.len()].clone();
    }
    match schema["type"].as_str() {
        _ if schema["const"].is_string() => schema["const"].clone(),
        Some("string") => json!("text"),
        Some("integer") => json!(pick as i32),
        Some("number") => json!(pick as f64 / 8.0),
        Some("array") => json!([body(&schema["items"], components, choice, depth + 1)]),
        Some("object") if schema["additionalProperties"].is_object() => {
            json!({ "key": body(&schema["additionalProperties"], components, choice, depth + 1) })
        }
        Some("object") => {
            let required: Vec<_> = schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .collect();
            let mut object = Map::new();
            for (key, property) in schema["properties"].as_object().into_iter().flatten() {
                let is_required = required.iter().any(|it| *it == key);
                if is_required || (depth < 8 && !choice.is_multiple_of(3)) {
                    object.insert(key.clone(), body(property, components, choice, depth + 1));
                }
            }
            Value::Object(object)
        }
        Some(_) => Value::Null,
        None if schema["type"].is_array() => [json!(true), json!(null)][pick % 2].clone(),
        None => [json!(1), json!("x"), json!({ "a": [] }), json!(null)][pick % 4].clone(),
    }
}

/// The result of an import without what depends on the text of the document.
fn outcome(imported: &Imported) -> (&str, &str, &hookyard_import::lock::Lock) {
    (&imported.wit, &imported.provider, &imported.lock)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn wit_is_valid_and_bodies_decode((events, components) in parts(), seed in any::<u64>()) {
        let imported = imported("x.json", &document(&events, &components)).unwrap();

        prop_assert_eq!(cases(&imported.wit).len(), events.len() + 1);
        for (place, schema) in events.iter().enumerate() {
            let body = body(schema, &components, &mut seed.clone(), 0);
            // No sender sends a body of null, so no case is an option.
            prop_assume!(!body.is_null());
            let text = body.to_string();
            let decoded = imported.decoder.check(place, "body", &text);
            prop_assert!(decoded.is_ok(), "{:?} of {text}\n{}", decoded, imported.wit);
        }
    }

    #[test]
    fn yaml_and_a_second_import_give_the_same((events, components) in parts()) {
        let text = document(&events, &components);
        let one = imported("x.json", &text).unwrap();

        for file in ["x.json", "x.yaml"] {
            let another = imported(file, &text).unwrap();
            prop_assert_eq!(outcome(&one), outcome(&another));
            prop_assert_eq!(&one.samples, &another.samples);
        }
    }

    #[test]
    fn fewer_events_have_the_same_types((events, components) in parts()) {
        let mut request = request("x.json", document(&events, &components).as_bytes()).unwrap();
        let all = import(&request).unwrap();
        request.options = Options { events: vec!["event0".into()], ..Options::default() };

        let one = import(&request).unwrap();

        let (case, locked) = one.lock.events.first_key_value().unwrap();
        prop_assert_eq!(one.events.len(), 1);
        let same = all.lock.events.values().find(|it| it.paths == locked.paths);
        prop_assert!(same.is_some(), "{case}");
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[\\[\\]{}:,&*!<>'\"a-c0-9 \n\t#|~.-]{0,60}") {
        for file in ["x.json", "x.yaml"] {
            let _ = imported(file, &text);
        }
    }

    #[test]
    fn any_document_is_imported_or_refused(value in hookyard_shape::arbitrary::any_json()) {
        let text = format!("{{\"openapi\":\"3.1.0\",\"webhooks\":{{\"a\":{{\"post\":{{\"requestBody\":{{\"content\":{{\"application/json\":{{\"schema\":{value}}}}}}}}}}}}}}}");
        let _ = imported("x.json", &text);
    }
}
