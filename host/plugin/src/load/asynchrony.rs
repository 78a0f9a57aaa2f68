//! Finds asynchronous functions in a component before it is compiled. The compiler of this host
//! refuses them as well, but its message names neither the function nor the way out.

use wasmparser::{CanonicalFunction, CanonicalOption, Parser, Payload};

use super::toolchain::Toolchain;
use crate::Fault;

/// Checks that a component uses no asynchronous functions.
///
/// # Errors
///
/// Fails if it exports, imports or uses one.
pub(crate) fn check(bytes: &[u8], toolchain: Toolchain) -> Result<(), Fault> {
    let mut first: Option<Found> = None;
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        let Payload::ComponentCanonicalSection(section) = payload else {
            continue;
        };
        for function in section.into_iter().map_while(Result::ok) {
            let found = found(&function);
            first = first.into_iter().chain(found).min();
        }
    }

    match first {
        Some(Found(_, found)) => Err(Fault::Async { found, toolchain }),
        None => Ok(()),
    }
}

/// What was found. The more an author can recognize it, the smaller its rank.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Found(u8, &'static str);

fn found(function: &CanonicalFunction) -> Option<Found> {
    match function {
        CanonicalFunction::Lift { options, .. } => {
            is_async(options).then_some(Found(0, "exports an async function"))
        }
        CanonicalFunction::Lower { options, .. } => {
            is_async(options).then_some(Found(1, "imports an async function"))
        }
        CanonicalFunction::ResourceNew { .. }
        | CanonicalFunction::ResourceDrop { .. }
        | CanonicalFunction::ResourceRep { .. }
        // Threads are not async. The compiler refuses them.
        | CanonicalFunction::ThreadSpawnRef { .. }
        | CanonicalFunction::ThreadSpawnIndirect { .. }
        | CanonicalFunction::ThreadAvailableParallelism => None,
        _ => Some(Found(2, "uses async tasks")),
    }
}

fn is_async(options: &[CanonicalOption]) -> bool {
    options.contains(&CanonicalOption::Async)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn async_functions_are_found() {
        let check = |items: &str| {
            let bytes = wat::parse_str(format!("(component {items})")).expect("it is well-formed");
            match check(&bytes, Toolchain::Unknown) {
                Ok(()) => None,
                Err(Fault::Async { found, .. }) => Some(found),
                Err(other) => panic!("{other}"),
            }
        };
        let module = r#"(core module $m (func (export "f") (result i32) unreachable)
            (func (export "c") (param i32 i32 i32) (result i32) unreachable))
            (core instance $i (instantiate $m))"#;
        let lift = |options: &str| {
            format!(
                r#"{module} (func (export "f") async (canon lift (core func $i "f") {options}))"#
            )
        };

        let plain =
            format!(r#"{module} (func (export "f") (result u32) (canon lift (core func $i "f")))"#);
        assert_eq!(check(&plain), None);
        let exported = lift(r#"async (callback (core func $i "c"))"#);
        assert_eq!(check(&exported), Some("exports an async function"));
        let imported = r#"(import "f" (func $f async)) (core func (canon lower (func $f) async))"#;
        assert_eq!(check(imported), Some("imports an async function"));
        let tasks = "(core func (canon task.cancel))";
        assert_eq!(check(tasks), Some("uses async tasks"));
        assert_eq!(
            check(&format!("(component {tasks})")),
            Some("uses async tasks")
        );
        assert_eq!(
            check(&format!("{tasks} {imported}")),
            Some("imports an async function")
        );
    }
}
