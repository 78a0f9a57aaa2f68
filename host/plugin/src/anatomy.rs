//! What a component comes to once it is put together, found out before the compiler is asked to.
//!
//! A component is made of components, and each of those may be used many times: a file of a kilobyte can come to a
//! billion instances, and a megabyte of components within components takes the compiler hundreds of gigabytes. So its
//! parts are counted first, as they will be. What is broken otherwise is the compiler's to tell.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Encoding, Instance, Parser, Payload,
};

use crate::Fault;

/// How deep components may stand within each other. Composed of what was composed, they get some levels deep.
const DEPTH_MAX: usize = 20;
/// Instances of core modules and components that a component may be made of. A large runtime has some dozens.
const PARTS_MAX: u64 = 10_000;

/// Checks that a component can be put together with little.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Fault> {
    let mut levels: Vec<Level> = Vec::new();
    // What can't be parsed is told by the compiler, which knows more of it.
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::Version { encoding, .. } => {
                levels.push(Level {
                    is_component: encoding == Encoding::Component,
                    ..Level::default()
                });
                if levels.len() > DEPTH_MAX {
                    return Err(Fault::Nested {
                        depth_max: DEPTH_MAX,
                    });
                }
            }
            Payload::End(_) => {
                let Some(ended) = levels.pop() else {
                    return Ok(());
                };
                if let Some(outer) = levels.last_mut().filter(|_| ended.is_component) {
                    outer.components.push(ended.parts);
                }
            }
            part => count(&part, &mut levels)?,
        }
        if levels.last().is_some_and(|level| level.parts > PARTS_MAX) {
            return Err(Fault::Parts {
                parts_max: PARTS_MAX,
            });
        }
    }
    Ok(())
}

/// A component or module that is being read.
#[derive(Default)]
struct Level {
    is_component: bool,
    /// Instances that one of it is made of, as far as it has been read.
    parts: u64,
    /// Of the components that it can name by number, what each is made of.
    components: Vec<u64>,
}

fn count(payload: &Payload<'_>, levels: &mut [Level]) -> Result<(), Fault> {
    // A module has none of these sections but one of imports, which is another one than a component's.
    match payload {
        Payload::InstanceSection(section) => {
            let made = section.clone().into_iter().map_while(Result::ok);
            let made = made
                .filter(|instance| matches!(instance, Instance::Instantiate { .. }))
                .count();
            add(levels, made as u64);
        }
        Payload::ComponentInstanceSection(section) => {
            for instance in section.clone().into_iter().map_while(Result::ok) {
                if let ComponentInstance::Instantiate {
                    component_index, ..
                } = instance
                {
                    let parts = named(levels, 0, component_index);
                    add(levels, parts.saturating_add(1));
                }
            }
        }
        Payload::ComponentAliasSection(section) => {
            for alias in section.clone().into_iter().map_while(Result::ok) {
                match alias {
                    ComponentAlias::Outer {
                        kind: ComponentOuterAliasKind::Component,
                        count,
                        index,
                    } => {
                        let parts = named(levels, count, index);
                        name(levels, parts);
                    }
                    ComponentAlias::InstanceExport {
                        kind: ComponentExternalKind::Component,
                        ..
                    } => {
                        return Err(Fault::PassedAround);
                    }
                    _ => {}
                }
            }
        }
        Payload::ComponentImportSection(section) => {
            let mut imports = section.clone().into_iter().map_while(Result::ok);
            if imports.any(|import| matches!(import.ty, ComponentTypeRef::Component(_))) {
                return Err(Fault::PassedAround);
            }
        }
        Payload::ComponentExportSection(section) => {
            for export in section.clone().into_iter().map_while(Result::ok) {
                if export.kind == ComponentExternalKind::Component {
                    let parts = named(levels, 0, export.index);
                    name(levels, parts);
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn add(levels: &mut [Level], parts: u64) {
    if let Some(level) = levels.last_mut() {
        level.parts = level.parts.saturating_add(parts);
    }
}

fn name(levels: &mut [Level], parts: u64) {
    if let Some(level) = levels.last_mut() {
        level.components.push(parts);
    }
}

/// What the component of this number is made of, in the component so many levels out. A number that there isn't is told
/// by the compiler.
fn named(levels: &[Level], outwards: u32, index: u32) -> u64 {
    let level = levels.iter().rev().nth(outwards as usize);
    level
        .and_then(|level| level.components.get(index as usize))
        .copied()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Option<String> {
        check(&wat::parse_str(text).expect("it is well-formed"))
            .err()
            .map(|fault| fault.to_string())
    }

    /// Each component uses the one before twice.
    fn doubled(times: usize) -> String {
        let first = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
        let next = |n: usize| {
            let before = n - 1;
            format!(
                "(component $c{n} (alias outer 1 $c{before} (component $c))
                   (instance (instantiate $c)) (instance (instantiate $c)))"
            )
        };
        let all: String = (1..=times).map(next).collect();
        format!("(component {first} {all} (instance (instantiate $c{times})))")
    }

    #[test]
    fn parts_are_counted_as_they_will_be() {
        // 2^n leaves, and as many components about them, but one.
        assert_eq!(checked(&doubled(11)), None);
        assert_eq!(
            checked(&doubled(12)),
            Some(
                Fault::Parts {
                    parts_max: PARTS_MAX
                }
                .to_string()
            )
        );
        assert_eq!(
            checked(&doubled(200)),
            Some(
                Fault::Parts {
                    parts_max: PARTS_MAX
                }
                .to_string()
            ),
            "without end"
        );
        let exported = "(component (component $c (core module $m) (core instance (instantiate $m)))
            (export $d \"d\" (component $c)) (instance (instantiate $d)))";
        assert_eq!(checked(exported), None);
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "(component ".repeat(depth), ")".repeat(depth));
        assert_eq!(checked(&nested(DEPTH_MAX)), None);
        assert_eq!(
            checked(&nested(DEPTH_MAX + 1)),
            Some(
                Fault::Nested {
                    depth_max: DEPTH_MAX
                }
                .to_string()
            )
        );
    }

    #[test]
    fn components_are_not_passed_around() {
        let imported =
            "(component (component (import \"c\" (component $c)) (instance (instantiate $c))))";
        let aliased = "(component (component $outer (component $c) (export \"c\" (component $c)))
            (instance $o (instantiate $outer)) (alias export $o \"c\" (component $c)) (instance (instantiate $c)))";
        for text in [imported, aliased] {
            assert_eq!(checked(text), Some(Fault::PassedAround.to_string()));
        }
    }
}
