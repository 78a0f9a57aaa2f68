//! What a component imports, read from its bytes: enough to judge its grants before it is compiled.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentType,
    ComponentTypeRef, Encoding, InstanceTypeDeclaration, Parser, Payload,
};

/// One import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked<'b> {
    pub(crate) name: &'b str,
    pub(crate) is_instance: bool,
    /// Whether it has nothing that anybody would have to implement.
    pub(crate) is_types_only: bool,
    pub(crate) has_functions: bool,
    /// Whether its type can't be told without a compiler.
    pub(crate) is_unknown: bool,
}

impl<'b> Asked<'b> {
    pub(crate) fn instance(name: &'b str, is_types_only: bool, has_functions: bool) -> Self {
        Self {
            name,
            is_instance: true,
            is_types_only,
            has_functions,
            is_unknown: false,
        }
    }

    /// Something else than an interface.
    pub(crate) fn other(name: &'b str) -> Self {
        Self {
            name,
            is_instance: false,
            is_types_only: false,
            has_functions: false,
            is_unknown: false,
        }
    }
}

/// All imports of the outermost component, as far as it can be parsed.
pub(crate) fn asked(bytes: &[u8]) -> Vec<Asked<'_>> {
    let mut all = Vec::new();
    let mut depth = 0_u32;
    // Of each type of the outermost component that is one of an instance: whether it has types only, and functions.
    let mut types: Vec<Option<(bool, bool)>> = Vec::new();
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if depth == 0 => return all,
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ if depth != 1 => {}
            Payload::ComponentTypeSection(section) => {
                types.extend(
                    section
                        .into_iter()
                        .map_while(Result::ok)
                        .map(|ty| match ty {
                            ComponentType::Instance(declarations) => Some((
                                declarations.iter().all(is_type),
                                declarations.iter().any(is_function),
                            )),
                            _ => None,
                        }),
                );
            }
            Payload::ComponentAliasSection(section) => {
                let aliases = section.into_iter().map_while(Result::ok);
                types.extend(aliases.filter(is_type_alias).map(|_| None));
            }
            Payload::ComponentExportSection(section) => {
                let exports = section.into_iter().map_while(Result::ok);
                types.extend(
                    exports
                        .filter(|export| export.kind == ComponentExternalKind::Type)
                        .map(|_| None),
                );
            }
            Payload::ComponentImportSection(section) => {
                for import in section.into_iter().map_while(Result::ok) {
                    let name = import.name.name;
                    match import.ty {
                        ComponentTypeRef::Instance(index) => {
                            all.push(match types.get(index as usize) {
                                Some(Some((is_types_only, has_functions))) => {
                                    Asked::instance(name, *is_types_only, *has_functions)
                                }
                                _ => Asked {
                                    is_unknown: true,
                                    ..Asked::other(name)
                                },
                            })
                        }
                        ty => {
                            if matches!(ty, ComponentTypeRef::Type(_)) {
                                types.push(None);
                            }
                            all.push(Asked::other(name));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    all
}

fn is_type(declaration: &InstanceTypeDeclaration<'_>) -> bool {
    !matches!(
        declaration,
        InstanceTypeDeclaration::Export { ty, .. } if !matches!(ty, ComponentTypeRef::Type(_))
    )
}

fn is_function(declaration: &InstanceTypeDeclaration<'_>) -> bool {
    matches!(
        declaration,
        InstanceTypeDeclaration::Export {
            ty: ComponentTypeRef::Func(_),
            ..
        }
    )
}

fn is_type_alias(alias: &ComponentAlias<'_>) -> bool {
    matches!(
        alias,
        ComponentAlias::InstanceExport {
            kind: ComponentExternalKind::Type,
            ..
        } | ComponentAlias::Outer {
            kind: ComponentOuterAliasKind::Type,
            ..
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_read_without_a_compiler() {
        let text = r#"(component
            (type $u u32)
            (import "a:b/types" (instance $t (type $r' (record (field "n" u32))) (export "r" (type $r (eq $r')))))
            (alias export $t "r" (type $r))
            (import "a:b/funcs" (instance (export "f" (func))))
            (import "f" (func))
            (component (import "c:d/inner" (instance (export "f" (func))))))"#;
        let bytes = wat::parse_str(text).expect("it is well-formed");
        let expected = [
            Asked::instance("a:b/types", true, false),
            Asked::instance("a:b/funcs", false, true),
            Asked::other("f"),
        ];
        assert_eq!(asked(&bytes), expected);

        for end in 0..bytes.len() {
            assert!(asked(&bytes[..end]).len() <= 3);
        }
        assert_eq!(asked(b"no component"), []);
    }
}
