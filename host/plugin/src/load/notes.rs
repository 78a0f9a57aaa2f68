//! Remarks on a plugin that will fail on some events, although nothing is wrong with its file. The
//! host sees this coming from the tools that made it. A remark also names the price of a setting.
//!
//! The SDKs of Hookyard guard against these traps, so their plugins get no remarks.

use wasmtime::component::Component;
use wasmtime::component::types::{ComponentFunc, ComponentItem};

use super::toolchain::{Toolchain, Tools};
use crate::Contracts;
use crate::handler::FUNCTION;
use crate::plan::{Shape, shape_of};
use crate::terms::Terms;

/// The maximum number of fields that a remark names.
const NAMED_MAX: usize = 3;

/// Returns the remarks on a compiled component, each in one line.
pub(super) fn notes(tools: Tools, component: &Component, terms: &Terms) -> Vec<String> {
    let trap = match tools.toolchain {
        _ if tools.has_sdk => None,
        Toolchain::QuickJs => rounded(&wide_integers(component, &terms.contracts)),
        Toolchain::Go => Some(COLLECTOR.to_owned()),
        _ => None,
    };
    let reuse = terms.reuse.map(|reuse| reuse.to_string());
    trap.into_iter().chain(reuse).collect()
}

const COLLECTOR: &str = "Go's garbage collector traps (`cannot leave component instance`) when it runs while the \
    host passes a large event; build with `hookyard build`, or call debug.SetGCPercent(-1) in init";

/// Returns the remark on 64-bit integers at these paths, or `None` if there are none.
fn rounded(paths: &[String]) -> Option<String> {
    let (named, others) = paths.split_at(paths.len().min(NAMED_MAX));
    let named = named.join(", ");
    let paths = match others.len() {
        _ if named.is_empty() => return None,
        0 => named,
        more => format!("{named} and {more} more"),
    };
    Some(format!(
        "QuickJS rounds integers beyond 2^53, and the plugin has 64-bit integers ({paths}); declare them as f64, or \
         build with `hookyard build`, which refuses such numbers, or with engine = \"starling\", which holds them"
    ))
}

/// Returns the paths of the 64-bit integers in typed events that the plugin receives or sends.
fn wide_integers(component: &Component, contracts: &Contracts) -> Vec<String> {
    let engine = component.engine();
    let ty = component.component_type();
    let is_typed = |name: &str| {
        let package = name.split('/').next().unwrap_or_default();
        contracts.get(package).is_some()
    };
    let mut paths = Vec::new();

    for (name, item) in ty.exports(engine).filter(|(name, _)| is_typed(name)) {
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        let function = instance.get_export(engine, FUNCTION).map(|item| item.ty);
        if let Some(ComponentItem::ComponentFunc(function)) = function {
            // The first parameter is the delivery. Its only 64-bit integer is a time.
            add_parameters(&function, name, 1, &mut paths);
        }
    }
    for (name, item) in ty.imports(engine).filter(|(name, _)| is_typed(name)) {
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        for (function, item) in instance.exports(engine) {
            if let ComponentItem::ComponentFunc(ty) = item.ty {
                add_parameters(&ty, &format!("{name}#{function}"), 0, &mut paths);
            }
        }
    }
    paths
}

fn add_parameters(function: &ComponentFunc, at: &str, skipped: usize, paths: &mut Vec<String>) {
    for (parameter, ty) in function.params().skip(skipped) {
        let at = if skipped == 0 {
            format!("{at}.{parameter}")
        } else {
            parameter.to_owned()
        };
        if let Ok(shape) = shape_of(&ty, &at) {
            add_shape(&shape, &at, paths);
        }
    }
}

fn add_shape(shape: &Shape, at: &str, paths: &mut Vec<String>) {
    match shape {
        Shape::S64 | Shape::U64 => paths.push(at.to_owned()),
        Shape::List(inner) => add_shape(inner, &format!("{at}[]"), paths),
        Shape::Map(inner) => add_shape(inner, &format!("{at}[..]"), paths),
        Shape::Option(inner) => add_shape(inner, at, paths),
        Shape::Tuple(parts) => {
            for (index, part) in parts.iter().enumerate() {
                add_shape(part, &format!("{at}.{index}"), paths);
            }
        }
        Shape::Record(fields) => {
            for field in fields {
                add_shape(&field.shape, &format!("{at}.{}", field.name), paths);
            }
        }
        Shape::Variant(cases) => {
            for case in cases {
                if let Some(payload) = &case.payload {
                    add_shape(payload, &format!("{at}.{}", case.name), paths);
                }
            }
        }
        Shape::Result { ok, err } => {
            for part in [ok, err].into_iter().flatten() {
                add_shape(part, at, paths);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Case, Field};

    #[test]
    fn wide_integers_are_found_by_path() {
        let field = |name: &str, shape| Field {
            name: name.into(),
            shape,
        };
        let price = Shape::Record(vec![
            field("value", Shape::S64),
            field("currency", Shape::String),
        ]);
        let offer = Shape::Record(vec![
            field("lines", Shape::List(Box::new(price))),
            field("paid-at", Shape::Option(Box::new(Shape::U64))),
            field("count", Shape::U32),
        ]);
        let case = |name: &str, payload| Case {
            name: name.into(),
            payload,
        };
        let event = Shape::Variant(vec![case("accepted", Some(offer)), case("other", None)]);

        let mut paths = Vec::new();
        add_shape(&event, "event", &mut paths);
        assert_eq!(
            paths,
            ["event.accepted.lines[].value", "event.accepted.paid-at"]
        );
    }

    #[test]
    fn remark_names_few_fields() {
        assert_eq!(rounded(&[]), None);
        let paths = |count| {
            (0..count)
                .map(|n| format!("event.f{n}"))
                .collect::<Vec<_>>()
        };
        let remark = |count| rounded(&paths(count)).expect("a remark");
        assert!(remark(1).contains("(event.f0)"), "{}", remark(1));
        assert!(
            remark(5).contains("(event.f0, event.f1, event.f2 and 2 more)"),
            "{}",
            remark(5)
        );
    }
}
