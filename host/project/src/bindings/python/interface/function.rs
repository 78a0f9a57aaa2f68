//! The functions that a plugin calls, such as those of a provider's outgoing events.

use wit_parser::{Function, Type, TypeDefKind};

use super::super::names::{self, snake};
use super::Writer;

impl Writer<'_> {
    /// Returns a function that calls an import through the SDK.
    pub(super) fn function(&self, function: &Function) -> String {
        let name = snake(&function.name);
        let arguments: Vec<String> = function
            .params
            .iter()
            .map(|parameter| snake(&parameter.name))
            .collect();
        let has_destination = arguments.iter().any(|name| name == "destination");
        let arguments = match &arguments[..] {
            [one] => format!("({one},)"),
            all => format!("({})", all.join(", ")),
        };
        let result = self.returned(function);
        let docs = self.docstring(&function.docs, "    ");
        format!(
            "\n\ndef {name}({}) -> {result}:\n{docs}    {} = current().answer(\"{}\", \"{name}\", {arguments}, {})\n    return result\n",
            self.parameters(function),
            format_args!("result: {result}"),
            names::binding(self.world.resolve, self.interface),
            if has_destination {
                "destination"
            } else {
                "None"
            },
        )
    }

    /// Returns the parameters of a function. The last ones may be left out if they are options.
    fn parameters(&self, function: &Function) -> String {
        let mut is_last = true;
        let mut parameters: Vec<String> = function
            .params
            .iter()
            .rev()
            .map(|parameter| {
                let ty = self.name(&parameter.ty);
                is_last &= ty.ends_with(" | None");
                let default = if is_last { " = None" } else { "" };
                format!("{}: {ty}{default}", snake(&parameter.name))
            })
            .collect();
        parameters.reverse();
        parameters.join(", ")
    }

    /// Returns the type of a function's value. An error of the WIT is raised as `HostError`.
    fn returned(&self, function: &Function) -> String {
        let Some(ty) = &function.result else {
            return "None".to_owned();
        };
        if let Type::Id(id) = ty
            && let TypeDefKind::Result(result) = &self.world.resolve.types[*id].kind
        {
            return result
                .ok
                .as_ref()
                .map_or("None".to_owned(), |ok| self.name(ok));
        }
        self.name(ty)
    }
}
