//! Descriptions that are refused, with every message, and descriptions that are made to do harm.

use std::time::{Duration, Instant};

use hookyard_import::{Error, FieldRule, Imported, Required, import};

use crate::support::{imported, request, tests};

/// Documents in a short form: `SCHEMA` is the schema of the only event.
const WITH: &str = "openapi: 3.1.0\nwebhooks:\n  push:\n    post:\n      requestBody:\n        content:\n          application/json:\n            schema: SCHEMA\n";

fn with(schema: &str) -> String {
    format!(
        "{}components:\n  schemas:\n    User: {{ type: object }}\n    A: {{ $ref: '#/components/schemas/B' }}\n    B: {{ $ref: '#/components/schemas/A' }}\n",
        WITH.replace("SCHEMA", schema)
    )
}

/// The documents that are refused, by the name of the file.
fn documents() -> Vec<(&'static str, String)> {
    let webhook = |schema: &str| with(schema);
    vec![
        ("remote.yaml", webhook("{ $ref: 'https://example.com/user.json' }")),
        ("file.yaml", webhook("{ $ref: 'common.yaml#/User' }")),
        ("dangling.yaml", webhook("{ $ref: '#/components/schemas/Usr' }")),
        ("far.yaml", webhook("{ $ref: '#/nowhere/at/all' }")),
        ("circular.yaml", webhook("{ type: object, properties: { a: { $ref: '#/components/schemas/A' } } }")),
        ("anchor-ref.yaml", webhook("{ $ref: '#user' }")),
        ("anchor.yaml", webhook("{ $anchor: user, type: object }")),
        ("dynamic.yaml", webhook("{ $dynamicRef: '#user' }")),
        ("base.yaml", webhook("{ $id: 'https://example.com/', type: object }")),
        ("kind.yaml", webhook("[object]")),
        ("property.yaml", webhook("{ type: object, properties: { a: string } }")),
        ("deep.yaml", format!("a: {}{}", "[".repeat(130), "]".repeat(130))),
        ("deep.json", format!("{}{}", "[".repeat(130), "]".repeat(130))),
        ("twice.yaml", "openapi: 3.1.0\nopenapi: 3.1.0\n".into()),
        ("twice.json", "{\n  \"a\": 1,\n  \"b\": 2,\n  \"a\": 3\n}".into()),
        ("tag.yaml", "a: !!binary aGk=\n".into()),
        ("merge.yaml", "a: &a { b: 1 }\nc:\n  <<: *a\n".into()),
        ("key.yaml", "? [a, b]\n: 1\n".into()),
        ("bomb.yaml", bomb()),
        ("loop.yaml", "a: &a\n  - *a\n".into()),
        ("unknown-alias.yaml", "a: *b\n".into()),
        ("two.yaml", "a: 1\n---\nb: 2\n".into()),
        ("empty.yaml", "# nothing\n".into()),
        ("broken.yaml", "a: [1\nb: 2\n".into()),
        ("broken.json", "{\n  \"a\": 1,\n  \"b\": tru\n}".into()),
        ("comma.json", "{\"a\": [1,]}".into()),
        ("surrogate.json", "{\"a\": \"\\ud800\"}".into()),
        ("swagger.yaml", "swagger: '2.0'\n".into()),
        ("openapi4.yaml", "openapi: 4.0.0\n".into()),
        ("asyncapi1.yaml", "asyncapi: 1.2.0\n".into()),
        ("other.yaml", "name: something\n".into()),
        ("none.yaml", "openapi: 3.1.0\ninfo: { title: None }\n".into()),
        ("schemas.yaml", "openapi: 3.0.0\ncomponents:\n  schemas:\n    AWebhook: {}\n    BWebhook: {}\n    CEvent: {}\npaths: { /a: { post: { callbacks: { c: {} } } } }\n".into()),
        ("form.yaml", "openapi: 3.1.0\nwebhooks:\n  sms: { post: { requestBody: { content: { application/x-www-form-urlencoded: { schema: { type: object } } } } } }\n  ping: { post: {} }\n".into()),
        ("hidden.yaml", webhook("{ $ref: \"#/comp\\u202eonents\\n/x\" }")),
    ]
}

/// Nine lines that stand for 387,420,489 values.
fn bomb() -> String {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let alias = format!("*a{}", level - 1);
        text.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            [alias.as_str(); 9].join(", ")
        ));
    }
    text
}

#[test]
fn messages_match_golden_file() {
    let mut text = String::new();
    for (file, document) in documents() {
        let error = imported(file, &document).expect_err(file);
        text.push_str(&format!("{error}\n"));
    }
    for (options, error) in with_options() {
        text.push_str(&format!("{options}: {error}\n"));
    }

    let golden = tests().join("faults.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&golden, &text).unwrap();
    }
    let wanted = std::fs::read_to_string(&golden).unwrap();
    assert!(
        wanted == text,
        "run with UPDATE=1, and review faults.txt:\n{text}"
    );
}

/// The errors of options that fit no event.
fn with_options() -> Vec<(&'static str, Error)> {
    let document = with(
        "{ type: object, properties: { issue: { type: object, properties: { title: { type: string } } } } }",
    );
    let refused = |change: &dyn Fn(&mut hookyard_import::Request)| {
        let mut request = request("push.yaml", document.as_bytes()).unwrap();
        change(&mut request);
        import(&request).expect_err("the options are wrong")
    };
    let body = |file: &str, text: &str| hookyard_import::Body {
        file: file.into(),
        bytes: text.into(),
    };
    vec![
        (
            "--events pusj",
            refused(&|it| it.options.events = vec!["pusj".into()]),
        ),
        (
            "--schemas '*Usr'",
            refused(&|it| it.options.selection.schemas = Some("Usr".into())),
        ),
        (
            "--fields -/issue/titel",
            refused(&|it| it.options.fields = FieldRule::parse("push=-/issue/titel").unwrap()),
        ),
        (
            "--fields issue",
            FieldRule::parse("push=issue").expect_err("no pointer"),
        ),
        ("--name", refused(&|it| it.name = "Push!".into())),
        (
            "a body that is not JSON",
            refused(&|it| it.bodies = vec![body("push.json", "{\"issue\": nul}")]),
        ),
        (
            "a body that does not fit",
            refused(&|it| {
                it.options.required = Required::Trust;
                it.bodies = vec![body("push.json", "{\"issue\": {\"title\": 1}}")];
            }),
        ),
    ]
}

#[test]
fn large_file_is_refused_before_it_is_read() {
    let text = vec![b' '; 47 * 1024 * 1024];
    let error = hookyard_import::Document::read("large.json", &text, 32 * 1024 * 1024)
        .err()
        .unwrap();

    assert_eq!(
        error.to_string(),
        "large.json: 32 MiB is read, 47 MiB is not: the limit is 32 MiB (--max-bytes)"
    );
}

#[test]
fn document_of_too_many_values_is_refused() {
    let text = format!("[{}1]", "1,".repeat(1_000_000));

    for file in ["many.json", "many.yaml"] {
        let error = imported(file, &text).expect_err("too many values");
        assert!(
            error.to_string().contains("more than 1000000 values"),
            "{error}"
        );
    }
}

#[test]
fn costliest_events_are_named_where_no_host_would_load_them() {
    // Each level has ten fields of the level below, so a few lines have many parts.
    let mut schemas = String::from(
        "    L0: { type: object, required: [a], properties: { a: { type: string } } }\n",
    );
    for level in 1..5 {
        let field =
            |name: char| format!("{name}: {{ $ref: '#/components/schemas/L{}' }}", level - 1);
        let fields: Vec<_> = ('a'..'k').map(field).collect();
        schemas.push_str(&format!(
            "    L{level}: {{ type: object, properties: {{ {} }} }}\n",
            fields.join(", ")
        ));
    }
    let mut document = String::from("openapi: 3.1.0\nwebhooks:\n");
    for (name, level) in [("small", 1), ("large", 4), ("middle", 3)] {
        document.push_str(&format!(
            "  {name}: {{ post: {{ requestBody: {{ content: {{ application/json: {{ schema: {{ $ref: '#/components/schemas/L{level}' }} }} }} }} }} }}\n"
        ));
    }
    document.push_str(&format!("components:\n  schemas:\n{schemas}"));

    let error = imported("parts.yaml", &document)
        .expect_err("too many parts")
        .to_string();

    assert_eq!(
        error,
        "the chosen events have 35,475 parts, and a host loads at most 20,000: large 32,221, \
         middle 3,221, small 31; choose with --events, or drop with --fields -/POINTER"
    );
}

/// Imports a document that is made to do harm, and checks that the import ends soon.
fn ends_soon(what: &str, document: &str) -> Result<Imported, Error> {
    let start = Instant::now();
    let result = imported("hostile.yaml", document);
    let taken = start.elapsed();
    assert!(taken < Duration::from_secs(60), "{what} took {taken:?}");
    result
}

#[test]
fn types_that_double_at_each_level_are_counted_and_not_written_out() {
    let mut schemas =
        String::from("    L0: { type: object, properties: { a: { type: string } } }\n");
    for level in 1..100 {
        let below = format!("{{ $ref: '#/components/schemas/L{}' }}", level - 1);
        schemas.push_str(&format!(
            "    L{level}: {{ type: object, properties: {{ a: {below}, b: {below} }} }}\n"
        ));
    }
    let start = WITH.replace("SCHEMA", "{ $ref: '#/components/schemas/L99' }");

    let error = ends_soon(
        "doubling",
        &format!("{start}components:\n  schemas:\n{schemas}"),
    );

    let error = error.expect_err("too many parts").to_string();
    assert!(
        error.contains("18,446,744,073,709,551,615 parts"),
        "{error}"
    );
}

#[test]
fn long_chain_of_references_is_refused() {
    let mut schemas = String::new();
    for level in 0..20_000 {
        schemas.push_str(&format!(
            "    L{level}: {{ type: object, properties: {{ a: {{ $ref: '#/components/schemas/L{}' }} }} }}\n",
            level + 1
        ));
    }
    schemas.push_str("    L20000: { type: string }\n");
    let start = WITH.replace("SCHEMA", "{ $ref: '#/components/schemas/L0' }");

    let error = ends_soon(
        "a chain",
        &format!("{start}components:\n  schemas:\n{schemas}"),
    );

    let error = error.expect_err("too deep").to_string();
    assert!(error.contains("nested more than 256 deep"), "{error}");
}

#[test]
fn type_that_is_deeper_than_a_host_allows_is_text_at_the_end() {
    let mut schemas = String::new();
    for level in 0..100 {
        schemas.push_str(&format!(
            "    L{level}: {{ type: object, required: [a], properties: {{ a: {{ $ref: '#/components/schemas/L{}' }} }} }}\n",
            level + 1
        ));
    }
    schemas.push_str("    L100: { type: object, properties: { a: { type: integer } } }\n");
    let start = WITH.replace("SCHEMA", "{ $ref: '#/components/schemas/L0' }");

    let imported = ends_soon(
        "depth",
        &format!("{start}components:\n  schemas:\n{schemas}"),
    )
    .unwrap();

    let cases = crate::support::cases(&imported.wit);
    assert!(
        cases[0].1.depth() < hookyard_shape::DEPTH_MAX,
        "{}",
        cases[0].1.depth()
    );
}

#[test]
fn wide_unions_end() {
    let fields: Vec<_> = (0..1_000)
        .map(|n| format!("f{n}: {{ type: string }}"))
        .collect();
    let wide = format!(
        "{{ type: object, properties: {{ {} }} }}",
        fields.join(", ")
    );
    let branches: Vec<_> = (0..1_000)
        .map(|n| format!("{{ type: object, properties: {{ f{n}: {{ type: integer }} }} }}"))
        .collect();
    let document = WITH.replace(
        "SCHEMA",
        &format!("{{ oneOf: [{wide}, {}] }}", branches.join(", ")),
    );

    let _ = ends_soon("a union", &document);
}

#[test]
fn mutual_references_of_many_schemas_end() {
    let names: Vec<_> = (0..100).map(|n| format!("L{n}")).collect();
    let fields: Vec<_> = names
        .iter()
        .map(|name| format!("{name}: {{ $ref: '#/components/schemas/{name}' }}"))
        .collect();
    let schemas: String = names
        .iter()
        .map(|name| {
            format!(
                "    {name}: {{ type: object, properties: {{ {} }} }}\n",
                fields.join(", ")
            )
        })
        .collect();
    let start = WITH.replace("SCHEMA", "{ $ref: '#/components/schemas/L0' }");

    let _ = ends_soon(
        "mutual references",
        &format!("{start}components:\n  schemas:\n{schemas}"),
    );
}
