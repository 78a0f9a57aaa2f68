//! Records without values, which decoding fills and which are emptied after the call.
//!
//! A record of wasmtime's owns the name of each of its fields, so a new record costs an allocation
//! for each. A plan keeps a few records that were used, with their names.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wasmtime::component::Val;

use super::Plan;

/// The maximum number of records that are kept for one type. Most types occur once in an event, and
/// few attempts of a plugin decode at the same time.
const KEPT_MAX: usize = 4;

/// The value of a field before it is decoded. No plan makes a value of this type.
pub(super) const ABSENT: Val = Val::FixedLengthList(Vec::new());

/// A record as wasmtime has it: the fields with their names.
type Record = Vec<(String, Val)>;

/// The blank records of one type.
#[derive(Debug, Default)]
pub(crate) struct Blanks(Mutex<Vec<Record>>);

impl Blanks {
    /// Returns a record of these fields. All values are absent.
    pub(super) fn take(&self, fields: &[(String, Plan)]) -> Record {
        let kept = self.kept().pop();
        kept.unwrap_or_else(|| {
            let blank = |(name, _): &(String, Plan)| (name.clone(), ABSENT);
            fields.iter().map(blank).collect()
        })
    }

    /// Keeps a record whose fields are all absent.
    fn keep(&self, record: Record) {
        let mut kept = self.kept();
        if kept.len() < KEPT_MAX {
            kept.push(record);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Record>> {
        // The records are blank whenever the lock is free, even after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A plan is what it decodes, whatever it keeps.
impl PartialEq for Blanks {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Blanks {}

/// The clone of a plan keeps nothing yet.
impl Clone for Blanks {
    fn clone(&self) -> Self {
        Self::default()
    }
}

pub(super) fn is_absent(value: &Val) -> bool {
    matches!(value, Val::FixedLengthList(_))
}

impl Plan {
    /// Recycles a value that this plan decoded, once nobody needs it: keeps its records for
    /// the next event.
    pub(crate) fn recycle(&self, value: Val) {
        match (self, value) {
            (Self::Record { fields, blanks, .. }, Val::Record(mut record)) => {
                for ((_, plan), (_, value)) in fields.iter().zip(&mut record) {
                    plan.recycle(mem::replace(value, ABSENT));
                }
                blanks.keep(record);
            }
            (Self::Option(inner), Val::Option(Some(value))) => inner.recycle(*value),
            (Self::List(element), Val::List(values)) => {
                for value in values {
                    element.recycle(value);
                }
            }
            // Other values rarely contain records.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Field, Pointer, Shape};

    #[test]
    fn blank_record_keeps_no_value() {
        let field = |name: &str, shape| Field {
            name: name.into(),
            shape,
        };
        let inner = Shape::Record(vec![field(
            "secret",
            Shape::Option(Box::new(Shape::String)),
        )]);
        let outer = Shape::Record(vec![field("inner", inner)]);
        let plan = Plan::new(&outer, "it").expect("a plan");
        let decode = |json| {
            plan.decode(&Pointer::default(), json, 100)
                .expect("it fits")
        };

        plan.recycle(decode(r#"{"inner":{"secret":"s3cret"}}"#));
        let Plan::Record { blanks, .. } = &plan else {
            panic!("the plan of a record");
        };
        assert_eq!(*blanks.kept(), [vec![("inner".to_owned(), ABSENT)]]);

        let fresh = Plan::new(&outer, "it").expect("a plan");
        let json = r#"{"inner":{}}"#;
        let of_fresh = fresh.decode(&Pointer::default(), json, 100);
        assert_eq!(Ok(decode(json)), of_fresh);
    }

    #[test]
    fn few_blank_records_are_kept() {
        let blanks = Blanks::default();
        for _ in 0..3 * KEPT_MAX {
            blanks.keep(Vec::new());
        }
        assert_eq!(blanks.kept().len(), KEPT_MAX);
    }
}
