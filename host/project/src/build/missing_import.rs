//! Explains a compiled module that imports more than its world does.

use crate::imports::Capability;
use crate::manifest::Manifest;
use crate::wit;

/// Returns what to do about a fault of a module, if the fault is an import that the world does not
/// have.
pub(super) fn explain(fault: &str) -> Option<String> {
    let (_, rest) = fault.split_once("requires an import interface named `")?;
    let (interface, _) = rest.split_once('`')?;

    let uses = format!("the code uses {interface}, which the world in wit/ does not import");
    Some(match capability(interface) {
        Some(capability) => format!(
            "{uses}; add \"{}\" to `imports` in {}, remove wit/ so that it is written again, and \
             build again",
            capability.name(),
            Manifest::FILE
        ),
        None => format!("{uses}; add `import {interface};` to wit/plugin.wit"),
    })
}

/// Returns the capability whose packages have the interface.
fn capability(interface: &str) -> Option<Capability> {
    let (package, name) = interface.split_once('/')?;
    if package == "hookyard:plugin" {
        return match name.split('@').next() {
            Some("responder") => Some(Capability::Responder),
            _ => Some(Capability::Outbox),
        };
    }
    let folder = package.replace(':', "-");
    Capability::ALL.into_iter().find(|capability| {
        let mut packages = wit::packages(*capability).iter();
        packages.any(|(name, _)| *name == folder)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capability_is_named() {
        for (interface, expected) in [
            (
                "wasi:keyvalue/store@0.2.0-draft2",
                "add \"keyvalue\" to `imports`",
            ),
            ("wasi:io/poll@0.2.12", "add \"http\" to `imports`"),
            (
                "hookyard:plugin/outbox@0.1.0",
                "add \"outbox\" to `imports`",
            ),
            (
                "hookyard:plugin/responder@0.1.0",
                "add \"responder\" to `imports`",
            ),
            (
                "topi-saas:webhooks/outgoing@1.0.0",
                "add `import topi-saas:webhooks/outgoing@1.0.0;`",
            ),
        ] {
            let fault = format!("failed: module requires an import interface named `{interface}`");
            let text = explain(&fault).expect("explained");
            assert!(text.contains(expected), "{text}");
        }
        assert_eq!(explain("module was not valid"), None);
    }
}
