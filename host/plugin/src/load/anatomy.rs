//! Counts the instances that a component would consist of, before it is compiled.
//!
//! A component consists of components, and each of these can be instantiated many times. A file of
//! a kilobyte can expand to a billion instances, and a megabyte of nested components takes the
//! compiler hundreds of gigabytes. So the parts are counted first, as often as they will be
//! instantiated. The compiler reports all other faults.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Encoding, Instance, Parser, Payload,
};

use crate::Fault;

/// The maximum depth of nested components. Composing composed components adds levels.
const DEPTH_MAX: usize = 20;
/// The maximum number of instances of core modules and components. A large language runtime has
/// some dozens.
const INSTANCES_MAX: u64 = 10_000;

/// Checks that a component has few enough instances and levels.
///
/// # Errors
///
/// Fails if the component has too many instances or levels, or if its instances cannot be counted.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Fault> {
    let mut levels: Vec<Level> = Vec::new();

    // The compiler reports what cannot be parsed, with more details.
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
                    outer.components.push(ended.instances);
                }
            }
            section => count(&section, &mut levels)?,
        }

        if levels
            .last()
            .is_some_and(|level| level.instances > INSTANCES_MAX)
        {
            return Err(Fault::Instances {
                instances_max: INSTANCES_MAX,
            });
        }
    }
    Ok(())
}

/// A component or module that is being read. The outermost level comes first.
#[derive(Default)]
struct Level {
    is_component: bool,
    /// The number of instances in one instance of this component, as far as it has been read.
    instances: u64,
    /// The number of instances in each component that this level can refer to by an index.
    components: Vec<u64>,
}

fn count(section: &Payload<'_>, levels: &mut [Level]) -> Result<(), Fault> {
    // A core module has none of these sections. Its section of imports is another one.
    match section {
        Payload::InstanceSection(section) => {
            let instances = section.clone().into_iter().map_while(Result::ok);
            let count = instances
                .filter(|instance| matches!(instance, Instance::Instantiate { .. }))
                .count();
            add_instances(levels, count as u64);
        }
        Payload::ComponentInstanceSection(section) => {
            for instance in section.clone().into_iter().map_while(Result::ok) {
                if let ComponentInstance::Instantiate {
                    component_index, ..
                } = instance
                {
                    let inner = instances_of(levels, 0, component_index);
                    add_instances(levels, inner.saturating_add(1));
                }
            }
        }
        Payload::ComponentAliasSection(section) => {
            for alias in section.clone().into_iter().map_while(Result::ok) {
                count_alias(&alias, levels)?;
            }
        }
        Payload::ComponentImportSection(section) => {
            let mut imports = section.clone().into_iter().map_while(Result::ok);
            if imports.any(|import| matches!(import.ty, ComponentTypeRef::Component(_))) {
                return Err(Fault::ComponentArguments);
            }
        }
        Payload::ComponentExportSection(section) => {
            // An export gives the component another index.
            for export in section.clone().into_iter().map_while(Result::ok) {
                if export.kind == ComponentExternalKind::Component {
                    let instances = instances_of(levels, 0, export.index);
                    add_component(levels, instances);
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// Counts an alias of a component, which gives the component another index.
fn count_alias(alias: &ComponentAlias<'_>, levels: &mut [Level]) -> Result<(), Fault> {
    match *alias {
        ComponentAlias::Outer {
            kind: ComponentOuterAliasKind::Component,
            count: levels_out,
            index,
        } => {
            let instances = instances_of(levels, levels_out, index);
            add_component(levels, instances);
            Ok(())
        }
        ComponentAlias::InstanceExport {
            kind: ComponentExternalKind::Component,
            ..
        } => Err(Fault::ComponentArguments),
        _ => Ok(()),
    }
}

fn add_instances(levels: &mut [Level], instances: u64) {
    if let Some(level) = levels.last_mut() {
        level.instances = level.instances.saturating_add(instances);
    }
}

fn add_component(levels: &mut [Level], instances: u64) {
    if let Some(level) = levels.last_mut() {
        level.components.push(instances);
    }
}

/// Returns the number of instances in the component with this index, some levels out. The compiler
/// reports an index that does not exist.
fn instances_of(levels: &[Level], levels_out: u32, index: u32) -> u64 {
    let level = levels.iter().rev().nth(levels_out as usize);
    level
        .and_then(|level| level.components.get(index as usize))
        .copied()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Option<String> {
        check(&wat::parse_str(text).expect("the text is well-formed"))
            .err()
            .map(|fault| fault.to_string())
    }

    /// Returns a component in which each component instantiates the previous component twice.
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
    fn instances_of_nested_components_are_counted() {
        // There are 2^n leaves, and 2^n - 1 components around them.
        assert_eq!(checked(&doubled(11)), None);
        assert_eq!(
            checked(&doubled(12)),
            Some(
                Fault::Instances {
                    instances_max: INSTANCES_MAX
                }
                .to_string()
            )
        );
        assert_eq!(
            checked(&doubled(200)),
            Some(
                Fault::Instances {
                    instances_max: INSTANCES_MAX
                }
                .to_string()
            ),
            "the count does not overflow"
        );
        let exported = "(component (component $c (core module $m) (core instance (instantiate $m)))
            (export $d \"d\" (component $c)) (instance (instantiate $d)))";
        assert_eq!(checked(exported), None);
    }

    #[test]
    fn nesting_depth_is_bounded() {
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
    fn component_arguments_are_refused() {
        let imported =
            "(component (component (import \"c\" (component $c)) (instance (instantiate $c))))";
        let aliased = "(component (component $outer (component $c) (export \"c\" (component $c)))
            (instance $o (instantiate $outer)) (alias export $o \"c\" (component $c)) (instance (instantiate $c)))";
        for text in [imported, aliased] {
            assert_eq!(checked(text), Some(Fault::ComponentArguments.to_string()));
        }
    }
}
