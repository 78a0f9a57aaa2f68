//! The decoding of fixtures for tests outside WebAssembly.

use std::fmt::Write as _;

use wit_parser::{InterfaceId, Resolve, TypeDef, TypeDefKind};

use super::{ident, is_of_sdk, path};
use crate::template::Spelling;

/// Writes implementations of `hookyard::testing::Decode` for the plugin's own types.
pub(super) fn write(
    text: &mut String,
    resolve: &Resolve,
    imports: &[InterfaceId],
    handler: InterfaceId,
) {
    text.push_str(
        "\n/// Reads the types from fixtures.\n#[cfg(not(target_arch = \"wasm32\"))]\nmod decode {\n    \
         use hookyard::testing::{Decode, Json};\n",
    );
    let imports = imports.iter().filter(|id| !is_of_sdk(resolve, **id));
    let imports = imports.map(|id| (*id, path(resolve, *id, false)));
    for (id, path) in imports.chain([(handler, path(resolve, handler, true))]) {
        for ty in resolve.interfaces[id].types.values() {
            implement(text, &resolve.types[*ty], &path);
        }
    }
    text.push_str("}\n");
}

fn implement(text: &mut String, ty: &TypeDef, path: &str) {
    let Some(body) = body(&ty.kind) else {
        return;
    };
    let name = Spelling::Pascal.of(ty.name.as_deref().unwrap_or_default());
    let _ = write!(
        text,
        "
    impl Decode for super::{path}::{name} {{
        fn decode(json: &Json<'_>) -> Result<Self, String> {{
{body}
        }}
    }}
"
    );
}

/// Returns the body of a decoder, or `None` for a type that is only another name.
fn body(kind: &TypeDefKind) -> Option<String> {
    let indent = "            ";
    Some(match kind {
        TypeDefKind::Record(record) => {
            let fields: String = record
                .fields
                .iter()
                .map(|it| {
                    format!(
                        "{indent}    {}: json.field({:?})?,\n",
                        ident(&it.name),
                        it.name
                    )
                })
                .collect();
            format!("{indent}Ok(Self {{\n{fields}{indent}}})")
        }
        TypeDefKind::Variant(variant) => {
            let cases = variant
                .cases
                .iter()
                .map(|it| (it.name.as_str(), it.ty.is_some()));
            choice(&cases.collect::<Vec<_>>(), indent)
        }
        TypeDefKind::Enum(cases) => {
            let cases = cases.cases.iter().map(|it| (it.name.as_str(), false));
            choice(&cases.collect::<Vec<_>>(), indent)
        }
        TypeDefKind::Flags(flags) => {
            let flags = flags.flags.iter().map(|it| {
                let name = Spelling::Upper.of(&it.name);
                format!(
                    "{indent}flags.set(Self::{name}, names.iter().any(|it| it == {:?}));\n",
                    it.name
                )
            });
            format!(
                "{indent}let names = Vec::<String>::decode(json)?;\n{indent}let mut flags = \
                 Self::empty();\n{}{indent}Ok(flags)",
                flags.collect::<String>()
            )
        }
        _ => return None,
    })
}

/// Returns the decoder of an enum or variant, from the names of the cases and whether they have a
/// payload.
fn choice(cases: &[(&str, bool)], indent: &str) -> String {
    let names: Vec<_> = cases.iter().map(|(name, _)| *name).collect();
    let mut arms = String::new();
    for (index, (name, has_payload)) in cases.iter().enumerate() {
        let pattern = if index + 1 == cases.len() {
            "_".to_owned()
        } else {
            index.to_string()
        };
        let payload = if *has_payload {
            "(Decode::decode(&payload)?)"
        } else {
            ""
        };
        let name = Spelling::Pascal.of(name);
        let _ = writeln!(arms, "{indent}    {pattern} => Self::{name}{payload},");
    }
    format!(
        "{indent}let (case, payload) = json.case(&{names:?})?;\n{indent}Ok(match case \
         {{\n{arms}{indent}}})"
    )
}
