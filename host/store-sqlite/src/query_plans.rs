//! The query plans of statements, for tests.
//!
//! SQLite uses a partial index only if the statement repeats the text of the index's condition, so
//! a small change of a statement can make it read the whole table.

use rusqlite::Connection;

/// Returns the steps of the plan of a statement, on a database with the schema and no rows.
pub(crate) fn of(statement: &str) -> Vec<String> {
    let connection = Connection::open_in_memory().expect("a database in memory");
    connection
        .execute_batch(&crate::open::SCHEMAS.concat())
        .expect("the schema");

    let mut explain = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
        .expect("a statement");
    // The plan is made without values, like the plan of a prepared statement in a running host.
    let mut rows = explain.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().expect("a step") {
        steps.push(row.get("detail").expect("a text"));
    }

    steps
}

/// Checks that named statements neither scan nor sort, and that their plans contain these parts.
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
