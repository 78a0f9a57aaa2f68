//! What a handler returns, and the outcome that it stands for.
//!
//! `result<_, failure>` is frozen: a plugin hands it to the host, so a change would break plugins that are built. A
//! handler that returns anything else is refused at load.

use std::time::Duration;

use hookyard_model::Outcome;
use wasmtime::component::Val;

use crate::plan::{Case, Field, Shape};

/// `result<_, failure>`.
pub(crate) fn shape() -> Shape {
    let field = |name: &str, shape| Field {
        name: name.into(),
        shape,
    };
    let retry = Shape::Record(vec![
        field("reason", Shape::String),
        field("after", Shape::Option(Box::new(Shape::U64))),
    ]);
    let failure = Shape::Variant(vec![
        Case {
            name: "retry".into(),
            payload: Some(retry),
        },
        Case {
            name: "reject".into(),
            payload: Some(Shape::String),
        },
    ]);
    Shape::Result {
        ok: None,
        err: Some(Box::new(failure)),
    }
}

/// The outcome of a value of that shape. The reason is made fit to be told by `line`.
pub(crate) fn outcome(value: Val, line: &dyn Fn(&str) -> String) -> Outcome {
    let failure = match value {
        Val::Result(Ok(None)) => return Outcome::Done,
        Val::Result(Err(Some(failure))) => *failure,
        _ => return nonsense(),
    };
    match failure {
        Val::Variant(case, Some(payload)) if case == "reject" => match *payload {
            Val::String(reason) => rejected(&reason, line),
            _ => nonsense(),
        },
        Val::Variant(case, Some(payload)) if case == "retry" => match *payload {
            Val::Record(fields) => match fields.as_slice() {
                [(_, Val::String(reason)), (_, Val::Option(after))] => match after.as_deref() {
                    None => retry(reason, None, line),
                    Some(Val::U64(after)) => retry(reason, Some(*after), line),
                    Some(_) => nonsense(),
                },
                _ => nonsense(),
            },
            _ => nonsense(),
        },
        _ => nonsense(),
    }
}

/// The handler asks to be run again, in `after` milliseconds at the earliest.
pub(crate) fn retry(reason: &str, after: Option<u64>, line: &dyn Fn(&str) -> String) -> Outcome {
    Outcome::Retry {
        reason: line(reason),
        after: after.map(Duration::from_millis),
    }
}

/// The handler gives the event up.
pub(crate) fn rejected(reason: &str, line: &dyn Fn(&str) -> String) -> Outcome {
    Outcome::Rejected {
        reason: line(reason),
    }
}

/// The type was checked at load, so this isn't reached; if it were, it would be the plugin's attempt that fails.
fn nonsense() -> Outcome {
    Outcome::Trapped {
        message: "the handler returned something else than result<_, failure>".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_its_outcome() {
        let text = |text: &str| Val::String(text.into());
        let err = |case: &str, payload| {
            Val::Result(Err(Some(Box::new(Val::Variant(
                case.into(),
                Some(Box::new(payload)),
            )))))
        };
        let record = |after: Option<u64>| {
            let after = Val::Option(after.map(|after| Box::new(Val::U64(after))));
            Val::Record(vec![
                ("reason".into(), text("busy\nnow")),
                ("after".into(), after),
            ])
        };
        let reason = || "busy now".to_owned();
        for (value, expected) in [
            (Val::Result(Ok(None)), Outcome::Done),
            (
                err("reject", text("no")),
                Outcome::Rejected {
                    reason: "no".into(),
                },
            ),
            (
                err("retry", record(None)),
                Outcome::Retry {
                    reason: reason(),
                    after: None,
                },
            ),
            (
                err("retry", record(Some(1500))),
                Outcome::Retry {
                    reason: reason(),
                    after: Some(Duration::from_millis(1500)),
                },
            ),
            (err("retry", text("no record")), nonsense()),
            (err("else", text("no case")), nonsense()),
            (Val::Bool(true), nonsense()),
        ] {
            assert_eq!(
                outcome(value, &|text| crate::text::one_line(text, 100)),
                expected
            );
        }
    }
}
