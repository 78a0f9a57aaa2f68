//! The module of a provider: its types, and a function for each event that a plugin sends.

use std::fmt::Write as _;

use wit_parser::{Function, InterfaceId, Resolve, Type};

use super::super::NOTICE;
use super::Plugin;
use super::types::{Types, comment};
use crate::build::BuildError;
use crate::template::Spelling;

/// Names that a function of a module cannot have.
const RESERVED: [&str; 8] = [
    "delete", "export", "import", "new", "package", "return", "switch", "void",
];

/// A module with types and functions.
#[derive(Debug)]
pub(super) struct Module<'a> {
    types: Types<'a>,
    functions: Vec<(String, &'a Function)>,
}

impl<'a> Module<'a> {
    /// Makes the module of interfaces: a handler, an interface of outgoing events, or both.
    pub(super) fn new(
        resolve: &'a Resolve,
        plugin: &Plugin,
        interfaces: &[InterfaceId],
    ) -> Result<Self, BuildError> {
        let mut types = Types::new(resolve);
        let mut functions = Vec::new();
        for id in interfaces {
            if *id == plugin.handler {
                types.add(plugin.event.map_or(Type::Bool, Type::Id))?;
                continue;
            }
            let name = super::entry::unversioned(&resolve.id_of(*id).unwrap_or_default());
            for function in resolve.interfaces[*id].functions.values() {
                function
                    .params
                    .iter()
                    .try_for_each(|parameter| types.add(parameter.ty))?;
                functions.push((name.clone(), function));
            }
        }
        Ok(Self { types, functions })
    }

    /// Returns the declarations, for TypeScript and for editors.
    pub(super) fn declarations(&self) -> Result<String, BuildError> {
        let mut text = format!("// {NOTICE}\n");
        for (id, name) in self.types.iter() {
            text.push('\n');
            text.push_str(&self.types.declaration(id, name)?);
        }
        for (_, function) in &self.functions {
            text.push('\n');
            text.push_str(&comment(&function.docs, ""));
            let name = function_name(function);
            let parameters = self.parameters(function)?;
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "export declare function {name}({parameters}): string;"
            );
        }
        if self.functions.is_empty() {
            text.push_str("\nexport {};\n");
        }
        Ok(text)
    }

    /// Writes parameters. Those at the end that are options may be left out of a call.
    fn parameters(&self, function: &Function) -> Result<String, BuildError> {
        let parameters = &function.params;
        let required = parameters
            .iter()
            .rposition(|parameter| !self.types.is_option(parameter.ty))
            .map_or(0, |last| last + 1);

        let mut texts = Vec::new();
        for (position, parameter) in parameters.iter().enumerate() {
            let optional = if position < required { "" } else { "?" };
            let ty = self.types.expression(parameter.ty)?;
            texts.push(format!(
                "{}{optional}: {ty}",
                Spelling::Camel.of(&parameter.name)
            ));
        }
        Ok(texts.join(", "))
    }

    /// Returns the code.
    pub(super) fn code(&self) -> String {
        let mut text = format!("// {NOTICE}\n");
        if self.functions.is_empty() {
            return text + "export {};\n";
        }

        text.push_str("import { sendEvent } from \"./sdk/src/host.js\";\n");
        for (interface, function) in &self.functions {
            let parameters: Vec<_> = function
                .params
                .iter()
                .map(|parameter| Spelling::Camel.of(&parameter.name))
                .collect();
            let parameters = parameters.join(", ");
            let destination = if function.params.iter().any(|it| it.name == "destination") {
                "destination"
            } else {
                "undefined"
            };
            let (name, event) = (function_name(function), Spelling::Camel.of(&function.name));
            let _ = write!(
                text,
                "\nexport function {name}({parameters}) {{\n  \
                 return sendEvent(\"{interface}\", \"{event}\", [{parameters}], {destination});\n}}\n"
            );
        }
        text
    }
}

fn function_name(function: &Function) -> String {
    let name = Spelling::Camel.of(&function.name);
    if RESERVED.contains(&name.as_str()) {
        return name + "_";
    }
    name
}
