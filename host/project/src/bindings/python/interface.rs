//! Writes an interface as a Python module: dataclasses, enums, variants and functions.

mod function;
mod types;

use std::fmt::Write as _;

use wit_parser::{Docs, InterfaceId, Type, TypeDef, TypeDefKind, Variant};

use super::World;
use super::names::{self, camel, shouted, snake};

/// Returns the text of the module.
pub(super) fn module(world: &World, interface: InterfaceId) -> String {
    let writer = Writer { world, interface };
    let body = writer.body();

    let mut text = writer.docstring(&world.resolve.interfaces[interface].docs, "");
    text.push_str("\nfrom __future__ import annotations\n\n");
    text.push_str(&writer.imports(&body));
    text + &body
}

/// Returns the names that componentize-py and this generator give to the classes of an interface.
pub(super) fn classes(world: &World, interface: InterfaceId) -> Vec<(String, String)> {
    let writer = Writer { world, interface };
    let mut classes = Vec::new();

    for (name, id) in &world.resolve.interfaces[interface].types {
        match &world.resolve.types[*id].kind {
            TypeDefKind::Record(_) | TypeDefKind::Enum(_) | TypeDefKind::Flags(_) => {
                classes.push((camel(name), camel(name)));
            }
            TypeDefKind::Variant(variant) => {
                classes.extend(variant.cases.iter().map(|case| {
                    let theirs = format!("{}_{}", camel(name), camel(&case.name));
                    (theirs, writer.case_name(name, &case.name))
                }));
            }
            _ => {}
        }
    }
    classes
}

struct Writer<'w> {
    world: &'w World<'w>,
    interface: InterfaceId,
}

impl Writer<'_> {
    fn body(&self) -> String {
        let interface = &self.world.resolve.interfaces[self.interface];
        let mut text = String::new();

        for (name, id) in &interface.types {
            text.push_str(&self.definition(name, &self.world.resolve.types[*id]));
        }
        if !self.world.is_handler(self.interface) {
            for function in interface.functions.values() {
                text.push_str(&self.function(function));
            }
        }
        text
    }

    fn imports(&self, body: &str) -> String {
        let mut lines = Vec::new();
        if body.contains("@dataclass") {
            lines.push("from dataclasses import dataclass".to_owned());
        }
        for (word, used) in [("Enum", "(Enum)"), ("Flag", "(Flag)")] {
            if body.contains(used) {
                lines.push(format!("from enum import {word}"));
            }
        }
        for (word, used) in [
            ("Any", "Any"),
            ("ClassVar", "ClassVar["),
            ("TypeAlias", ": TypeAlias"),
        ] {
            if body.contains(used) {
                lines.push(format!("from typing import {word}"));
            }
        }
        if body.contains("current()") {
            lines.push("\nfrom hookyard.host import current".to_owned());
        }

        lines.push(String::new());
        lines.extend(self.sibling_imports(body));
        lines.join("\n") + "\n"
    }

    /// Returns the imports of the other modules of `gen/`. The package of a provider also offers
    /// the names of its types and functions, because authors import from there.
    fn sibling_imports(&self, body: &str) -> Vec<String> {
        let package = self.world.resolve.interfaces[self.interface].package;
        let mut lines = Vec::new();

        for other in self.world.imports.iter().copied() {
            let other_package = self.world.resolve.interfaces[other].package;
            let stem = self.world.file_stem(other);
            if other == self.interface {
                continue;
            }
            if other_package == package {
                let is_shown = self.world.is_handler(self.interface);
                if is_shown || body.contains(&format!("{stem}.")) {
                    lines.push(format!("from . import {stem} as {stem}"));
                }
                if is_shown {
                    lines.extend(self.shown(other, &stem));
                }
            } else if let Some(other_package) = other_package {
                let name = names::package(self.world.resolve, other_package);
                if body.contains(&format!("{name}_{stem}.")) {
                    lines.push(format!("from ..{name} import {stem} as {name}_{stem}"));
                }
            }
        }
        lines
    }

    /// Returns the import of the types of `types` into the package, except names that it has.
    fn shown(&self, other: InterfaceId, stem: &str) -> Option<String> {
        let own: Vec<String> = classes(self.world, self.interface)
            .into_iter()
            .map(|(_, ours)| ours)
            .collect();
        let has_functions = !self.world.resolve.interfaces[other].functions.is_empty();
        let names: Vec<String> = classes(self.world, other)
            .into_iter()
            .map(|(_, name)| name)
            .filter(|name| !has_functions && !own.contains(name))
            .map(|name| format!("    {name} as {name},\n"))
            .collect();

        (!names.is_empty()).then(|| format!("from .{stem} import (\n{})", names.concat()))
    }

    fn definition(&self, name: &str, definition: &TypeDef) -> String {
        let docs = &definition.docs;
        match &definition.kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter().map(|field| {
                    let line = format!("    {}: {}\n", snake(&field.name), self.name(&field.ty));
                    line + &self.docstring(&field.docs, "    ")
                });
                self.class(&dataclass(&camel(name)), docs, &fields.collect::<String>())
            }
            TypeDefKind::Variant(variant) => self.variant(name, docs, variant),
            TypeDefKind::Enum(cases) => {
                let cases = cases.cases.iter().enumerate().map(|(index, case)| {
                    let line = format!("    {} = {index}\n", shouted(&case.name));
                    line + &self.docstring(&case.docs, "    ")
                });
                self.class(
                    &format!("class {}(Enum)", camel(name)),
                    docs,
                    &cases.collect::<String>(),
                )
            }
            TypeDefKind::Flags(flags) => {
                let flags = flags.flags.iter().enumerate().map(|(index, flag)| {
                    let line = format!("    {} = 1 << {index}\n", shouted(&flag.name));
                    line + &self.docstring(&flag.docs, "    ")
                });
                self.class(
                    &format!("class {}(Flag)", camel(name)),
                    docs,
                    &flags.collect::<String>(),
                )
            }
            TypeDefKind::Resource | TypeDefKind::Type(Type::Id(_)) => String::new(),
            kind => {
                let alias = self.kind(kind);
                let docs = self.docstring(docs, "");
                format!("\n{}: TypeAlias = \"{alias}\"\n{docs}", camel(name))
            }
        }
    }

    fn variant(&self, name: &str, docs: &Docs, variant: &Variant) -> String {
        let mut text = String::new();
        let mut alternatives = Vec::new();

        for case in &variant.cases {
            let class = self.case_name(name, &case.name);
            let value = case
                .ty
                .as_ref()
                .map(|ty| format!("    value: {}\n", self.name(ty)));
            let body = format!(
                "    case: ClassVar[str] = \"{}\"\n{}",
                case.name,
                value.unwrap_or_default()
            );
            text.push_str(&self.class(&dataclass(&class), &case.docs, &body));
            alternatives.push(class);
        }

        let alias = alternatives.join(" | ");
        let docs = self.docstring(docs, "");
        let _ = write!(text, "\n\n{}: TypeAlias = {alias}\n{docs}", camel(name));
        text
    }

    /// Returns the class of a case. The cases of a handler's event are the names that an author
    /// matches, so they stand alone unless a type of the same interface has the name.
    fn case_name(&self, variant: &str, case: &str) -> String {
        let types = &self.world.resolve.interfaces[self.interface].types;
        let is_event = self.world.is_handler(self.interface) && variant == "event";
        if is_event && !types.contains_key(case) {
            camel(case)
        } else {
            format!("{}{}", camel(variant), camel(case))
        }
    }

    /// Returns a class; `head` is everything in front of its colon.
    fn class(&self, head: &str, docs: &Docs, body: &str) -> String {
        let docs = self.docstring(docs, "    ");
        let gap = if docs.is_empty() || body.is_empty() {
            ""
        } else {
            "\n"
        };
        let empty = if docs.is_empty() && body.is_empty() {
            "    pass\n"
        } else {
            ""
        };
        format!("\n\n{head}:\n{docs}{gap}{body}{empty}")
    }

    fn docstring(&self, docs: &Docs, indent: &str) -> String {
        let Some(text) = docs
            .contents
            .as_deref()
            .map(str::trim)
            .filter(|it| !it.is_empty())
        else {
            return String::new();
        };

        let text = text.replace('\\', "\\\\").replace("\"\"\"", "\\\"\\\"\\\"");
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        if let [line] = lines[..] {
            let line = if line.ends_with('"') {
                format!("{line} ")
            } else {
                line.to_owned()
            };
            return format!("{indent}\"\"\"{line}\"\"\"\n");
        }
        let lines: String = lines
            .iter()
            .enumerate()
            .map(|(index, line)| match (index, line.is_empty()) {
                (_, true) => "\n".to_owned(),
                (0, _) => format!("{line}\n"),
                _ => format!("{indent}{line}\n"),
            })
            .collect();
        format!("{indent}\"\"\"{lines}{indent}\"\"\"\n")
    }
}

fn dataclass(name: &str) -> String {
    format!("@dataclass\nclass {name}")
}
