//! The description of the API in OpenAPI 3.1, made of the list of endpoints.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::fault::ProblemDetails;
use super::route::{Content, Route, Shape};
use super::{PREFIX, routes};

type Schemas = BTreeMap<String, Value>;

/// Returns the description of the API.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    add(
        &mut schemas,
        ProblemDetails::name().into_owned(),
        &ProblemDetails::schema(),
    );

    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for route in routes::all() {
        let path = paths.entry(format!("{PREFIX}{}", route.path)).or_default();
        path.insert(route.method.to_owned(), operation(&route, &mut schemas));
    }

    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hookyard admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(route: &Route, schemas: &mut Schemas) -> Value {
    let mut parameters: Vec<Value> = names(route.path)
        .map(|name| {
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
        })
        .collect();
    parameters.extend(route.parameters.iter().map(|parameter| json!(parameter)));

    let content = match &route.answer {
        Content::Json(shape) => {
            json!({ "application/json": { "schema": reference(shape, schemas) } })
        }
        Content::Bytes(media_type) => json!({ *media_type: {} }),
    };
    let problem = json!({
        "description": "The request failed.",
        "content": {
            "application/problem+json": {
                "schema": { "$ref": "#/components/schemas/ProblemDetails" },
            },
        },
    });
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "description": format!("Needs the role `{}`.", route.role),
        "parameters": parameters,
        "responses": {
            "200": { "description": route.summary, "content": content },
            "default": problem,
        },
    });
    if let Some(body) = &route.body {
        let schema = reference(body, schemas);
        operation["requestBody"] =
            json!({ "content": { "application/json": { "schema": schema } } });
    }
    operation
}

/// Returns the name of an operation, such as `post-events-replay`.
fn operation_id(route: &Route) -> String {
    let parts = route.path.split('/').filter(|part| !part.is_empty());
    let parts = parts.map(|part| part.trim_matches(['{', '}']));
    [route.method]
        .into_iter()
        .chain(parts)
        .collect::<Vec<_>>()
        .join("-")
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    let parts = path.split('/');
    parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// Keeps a schema, and returns a reference to it.
fn reference(shape: &Shape, schemas: &mut Schemas) -> Value {
    for (name, schema) in &shape.others {
        add(schemas, name.clone(), schema);
    }
    add(schemas, shape.name.clone(), &shape.schema);
    json!({ "$ref": format!("#/components/schemas/{}", shape.name) })
}

fn add(schemas: &mut Schemas, name: String, schema: &RefOr<Schema>) {
    schemas.insert(name, json!(schema));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The golden file. `UPDATE=1` writes it.
    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

    #[test]
    fn description_matches_golden_file() {
        let text = serde_json::to_string_pretty(&document()).expect("JSON") + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(GOLDEN, &text).expect("the golden file is written");
        }
        let golden = std::fs::read_to_string(GOLDEN).expect("the golden file");
        assert!(
            golden == text,
            "the API has changed: review it, and run the test with UPDATE=1"
        );
    }

    #[test]
    fn every_reference_has_a_schema() {
        let document = document();
        let text = document.to_string();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().expect("a name");
            assert!(
                document["components"]["schemas"].get(name).is_some(),
                "{name}"
            );
        }
    }

    #[test]
    fn every_operation_has_its_own_name_and_summary() {
        let routes = routes::all();
        let mut ids: Vec<_> = routes.iter().map(operation_id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), routes.len());
        assert!(routes.iter().all(|route| route.summary.ends_with('.')));
    }
}
