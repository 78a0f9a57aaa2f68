//! The result of a handler, and the outcome that it stands for.
//!
//! The type `result<_, failure>` is frozen: plugins pass it to the host, so a change would break
//! plugins that are already built. The host refuses to load a handler that returns any other type.

use std::time::Duration;

use hookyard_model::Outcome;
use wasmtime::component::Val;

use crate::plan::{Case, Field, Shape};
use crate::terms::Terms;

/// Returns the shape of `result<_, failure>`.
pub(crate) fn shape() -> Shape {
    let field = |name: &str, shape| Field {
        name: name.into(),
        shape,
    };
    let case = |name: &str, payload| Case {
        name: name.into(),
        payload: Some(payload),
    };

    let retry = Shape::Record(vec![
        field("reason", Shape::String),
        field("after", Shape::Option(Box::new(Shape::U64))),
    ]);
    let failure = Shape::Variant(vec![case("retry", retry), case("reject", Shape::String)]);
    Shape::Result {
        ok: None,
        err: Some(Box::new(failure)),
    }
}

/// Returns the outcome that a value of this shape stands for.
pub(crate) fn outcome(value: Val, terms: &Terms) -> Outcome {
    let failure = match value {
        Val::Result(Ok(None)) => return Outcome::Done,
        Val::Result(Err(Some(failure))) => *failure,
        _ => return wrong_type(),
    };

    match failure {
        Val::Variant(case, Some(payload)) => match (case.as_str(), *payload) {
            ("reject", Val::String(reason)) => rejected(&reason, terms),
            ("retry", Val::Record(fields)) => retry_outcome(&fields, terms),
            _ => wrong_type(),
        },
        _ => wrong_type(),
    }
}

fn retry_outcome(fields: &[(String, Val)], terms: &Terms) -> Outcome {
    let [(_, Val::String(reason)), (_, Val::Option(after))] = fields else {
        return wrong_type();
    };
    match after.as_deref() {
        None => retry(reason, None, terms),
        Some(Val::U64(after)) => retry(reason, Some(*after), terms),
        Some(_) => wrong_type(),
    }
}

/// Returns the outcome of a handler that asks for a retry, `after` milliseconds from now at the
/// earliest.
pub(crate) fn retry(reason: &str, after: Option<u64>, terms: &Terms) -> Outcome {
    Outcome::Retry {
        reason: terms.line(reason),
        after: after.map(Duration::from_millis),
    }
}

/// Returns the outcome of a handler that rejects the event.
pub(crate) fn rejected(reason: &str, terms: &Terms) -> Outcome {
    Outcome::Rejected {
        reason: terms.line(reason),
    }
}

/// Returns the outcome of a handler whose result has another type.
///
/// The type was checked at load, so this never happens. If it did, the attempt of this plugin would
/// fail and no other.
fn wrong_type() -> Outcome {
    Outcome::Trapped {
        message: "the handler returned a value that is not a result<_, failure>".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn text(text: &str) -> Val {
        Val::String(text.into())
    }

    fn err(case: &str, payload: Val) -> Val {
        let failure = Val::Variant(case.into(), Some(Box::new(payload)));
        Val::Result(Err(Some(Box::new(failure))))
    }

    fn retry_record(after: Option<u64>) -> Val {
        let after = Val::Option(after.map(|after| Box::new(Val::U64(after))));
        Val::Record(vec![
            ("reason".into(), text("busy\nnow")),
            ("after".into(), after),
        ])
    }

    #[test]
    fn handler_result_becomes_outcome() {
        let terms = Terms::limited(Limits::default());
        let retry = |after| Outcome::Retry {
            reason: "busy now".into(),
            after,
        };
        let rejected = Outcome::Rejected {
            reason: "no".into(),
        };

        for (value, expected) in [
            (Val::Result(Ok(None)), Outcome::Done),
            (err("reject", text("no")), rejected),
            (err("retry", retry_record(None)), retry(None)),
            (
                err("retry", retry_record(Some(1500))),
                retry(Some(Duration::from_millis(1500))),
            ),
            (err("retry", text("not a record")), wrong_type()),
            (err("else", text("not a case")), wrong_type()),
            (Val::Bool(true), wrong_type()),
        ] {
            assert_eq!(outcome(value, &terms), expected);
        }
    }
}
