//! How SQLite goes about a statement, for tests that pin it.

use rusqlite::Connection;

/// The steps that it takes, on a database with nothing but the schema.
pub(crate) fn of(statement: &str) -> Vec<String> {
    let connection = Connection::open_in_memory().expect("a database in memory");
    connection
        .execute_batch(&crate::open::SCHEMAS.concat())
        .expect("the schema");
    let mut explain = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
        .expect("a statement");
    // The plan is made without the values, as it is for the prepared statements of a running host.
    let mut rows = explain.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().expect("a step") {
        steps.push(row.get("detail").expect("a text"));
    }
    steps
}

/// Asserts of statements, each with a name, that they read no more than they need, and that these parts are in the plan.
pub(crate) fn check(cases: &[(&str, &str, &[&str])]) {
    for (name, statement, parts) in cases {
        let steps = of(statement);
        for step in &steps {
            assert!(
                !step.starts_with("SCAN") || step == "SCAN CONSTANT ROW",
                "{name}: {steps:#?}"
            );
            assert!(!step.contains("TEMP B-TREE"), "{name} sorts: {steps:#?}");
        }
        for part in *parts {
            assert!(
                steps.iter().any(|step| step.contains(part)),
                "{name} is without `{part}`: {steps:#?}"
            );
        }
    }
}
