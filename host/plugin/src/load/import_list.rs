//! Reads the imports of a component from its bytes, so that they can be checked before the
//! component is compiled.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentImport, ComponentOuterAliasKind, ComponentType,
    ComponentTypeRef, Encoding, InstanceTypeDeclaration, Parser, Payload,
};

/// An import of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Import<'b> {
    pub(super) name: &'b str,
    /// Whether an interface is imported, rather than a single function or type.
    pub(super) is_instance: bool,
    /// Whether the interface has nothing that a host would have to implement.
    pub(super) has_only_types: bool,
    pub(super) has_functions: bool,
    /// Whether only a compiler could tell the type.
    pub(super) is_unknown: bool,
}

impl<'b> Import<'b> {
    pub(super) fn instance(name: &'b str, has_only_types: bool, has_functions: bool) -> Self {
        Self {
            name,
            is_instance: true,
            has_only_types,
            has_functions,
            is_unknown: false,
        }
    }

    /// Creates the import of something that is not an interface.
    pub(super) fn other(name: &'b str) -> Self {
        Self {
            name,
            is_instance: false,
            has_only_types: false,
            has_functions: false,
            is_unknown: false,
        }
    }
}

/// An entry of the outermost component's index space of types. Imports refer to types by their
/// index.
enum TypeEntry {
    Instance {
        has_only_types: bool,
        has_functions: bool,
    },
    /// Any other type, or a type from elsewhere.
    Other,
}

/// Returns the imports of the outermost component, as far as it can be parsed.
pub(super) fn imports(bytes: &[u8]) -> Vec<Import<'_>> {
    let mut imports = Vec::new();
    let mut types: Vec<TypeEntry> = Vec::new();
    let mut depth = 0_u32;

    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if depth == 0 => return imports,
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ if depth != 1 => {}
            Payload::ComponentTypeSection(section) => {
                let declared = section.into_iter().map_while(Result::ok);
                types.extend(declared.map(|ty| type_entry(&ty)));
            }
            // Aliases, exports and imports of types also take an index.
            Payload::ComponentAliasSection(section) => {
                let aliases = section.into_iter().map_while(Result::ok);
                types.extend(aliases.filter(is_type_alias).map(|_| TypeEntry::Other));
            }
            Payload::ComponentExportSection(section) => {
                let exports = section.into_iter().map_while(Result::ok);
                let exported = exports.filter(|export| export.kind == ComponentExternalKind::Type);
                types.extend(exported.map(|_| TypeEntry::Other));
            }
            Payload::ComponentImportSection(section) => {
                for item in section.into_iter().map_while(Result::ok) {
                    imports.push(import(&item, &types));
                    if matches!(item.ty, ComponentTypeRef::Type(_)) {
                        types.push(TypeEntry::Other);
                    }
                }
            }
            _ => {}
        }
    }
    imports
}

fn type_entry(ty: &ComponentType<'_>) -> TypeEntry {
    match ty {
        ComponentType::Instance(declarations) => TypeEntry::Instance {
            has_only_types: declarations.iter().all(is_type),
            has_functions: declarations.iter().any(is_function),
        },
        _ => TypeEntry::Other,
    }
}

fn import<'b>(item: &ComponentImport<'b>, types: &[TypeEntry]) -> Import<'b> {
    let name = item.name.name;
    let ComponentTypeRef::Instance(index) = item.ty else {
        return Import::other(name);
    };
    match types.get(index as usize) {
        Some(TypeEntry::Instance {
            has_only_types,
            has_functions,
        }) => Import::instance(name, *has_only_types, *has_functions),
        _ => Import {
            is_unknown: true,
            ..Import::other(name)
        },
    }
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
    fn imports_are_read_without_compiler() {
        let text = r#"(component
            (type $u u32)
            (import "a:b/types" (instance $t
                (type $r' (record (field "n" u32))) (export "r" (type $r (eq $r')))))
            (alias export $t "r" (type $r))
            (import "a:b/funcs" (instance (export "f" (func))))
            (import "f" (func))
            (component (import "c:d/inner" (instance (export "f" (func))))))"#;
        let bytes = wat::parse_str(text).expect("the text is well-formed");

        let expected = [
            Import::instance("a:b/types", true, false),
            Import::instance("a:b/funcs", false, true),
            Import::other("f"),
        ];
        assert_eq!(imports(&bytes), expected);
    }

    #[test]
    fn truncated_component_has_fewer_imports() {
        let text = r#"(component (import "f" (func)) (import "g" (func)))"#;
        let bytes = wat::parse_str(text).expect("the text is well-formed");

        for end in 0..bytes.len() {
            assert!(imports(&bytes[..end]).len() <= 2);
        }
        assert_eq!(imports(b"no component"), []);
    }
}
