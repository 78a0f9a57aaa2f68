//! `gen/component.py`: the module that componentize-py makes a component of.

use std::fmt::Write as _;

use super::names::{self, camel};
use super::{World, interface, is_of_the_sdk};

/// Returns the text of the module.
pub(super) fn module(world: &World) -> String {
    let resolve = world.resolve;
    let mut text = String::from(
        "# mypy: ignore-errors\n\"\"\"Connects the handler in app.py to the component's imports and exports.\"\"\"\n\n\
         from typing import Any\n\nfrom hookyard import component\n",
    );
    let modules: String = world
        .imports
        .iter()
        .map(|id| format!("    {},\n", names::binding(resolve, *id)))
        .collect();
    let exports: String = world
        .exports
        .iter()
        .map(|id| format!("    {},\n", names::binding(resolve, *id)))
        .collect();
    let _ = writeln!(text, "from wit_world.exports import (\n{exports})");
    let _ = writeln!(text, "from wit_world.imports import (\n{modules})");

    text.push_str(&types(world));
    let handlers: Vec<&str> = world
        .exports
        .iter()
        .map(|id| decorator(world, *id))
        .collect();
    let modules = modules.replace("    ", "        ");
    let _ = write!(
        text,
        "\nimport app as app\n\ncomponent.start(\n    [\n{modules}    ],\n    {handlers:?},\n)\n"
    );
    for export in &world.exports {
        text.push_str(&class(world, *export));
    }
    text
}

/// Returns the lines that put our classes in the place of componentize-py's.
fn types(world: &World) -> String {
    let mut text = String::new();
    for package in world.packages() {
        for id in world.interfaces_of(package) {
            let classes = interface::classes(world, id);
            if classes.is_empty() {
                continue;
            }
            let package = names::package(world.resolve, package);
            let module = match world.file_stem(id).as_str() {
                "__init__" => format!("gen.{package}"),
                stem => format!("gen.{package}.{stem}"),
            };
            let names: String = classes
                .iter()
                .map(|(theirs, ours)| format!("    \"{theirs}\": \"{ours}\",\n"))
                .collect();
            let binding = names::binding(world.resolve, id);
            let _ = write!(
                text,
                "\nimport {module}\n\ncomponent.use({module}, {binding}, {{\n{names}}})\n"
            );
        }
    }
    text
}

fn decorator(world: &World, export: wit_parser::InterfaceId) -> &'static str {
    match world.resolve.interfaces[export].package {
        Some(package) if is_of_the_sdk(world.resolve, package) => "untyped",
        _ => "plugin",
    }
}

/// Returns the class of an export. componentize-py calls it by this name.
fn class(world: &World, export: wit_parser::InterfaceId) -> String {
    let name = camel(&names::binding(world.resolve, export).replace('_', "-"));
    let (event, run) = match decorator(world, export) {
        "untyped" => ("message", "raw"),
        _ => ("event", "typed"),
    };
    format!(
        "\n\nclass {name}:\n    def handle(self, delivery: Any, {event}: Any) -> None:\n        component.{run}(delivery, {event})\n"
    )
}
