//! What a provider's package contains, as far as a plugin's world and templates need it.

use wit_parser::{InterfaceId, Resolve, Type, TypeDefKind};

use super::{WitError, parse};
use crate::files::Files;
use crate::provider::ProviderFiles;
use crate::template::{self, Case};

/// The shape of a provider's package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The version of the package, if it has one.
    pub(crate) version: Option<String>,
    /// The interfaces with functions, without `handler`.
    pub(crate) imports: Vec<String>,
    /// The cases of the variant `event`, in their order.
    pub(crate) cases: Vec<Case>,
}

impl Shape {
    /// Reads the shape from a provider's WIT.
    ///
    /// # Errors
    ///
    /// Returns [`WitError`] if the WIT cannot be parsed or has no interface `handler` with a
    /// variant `event`.
    pub(crate) fn of(provider: &ProviderFiles) -> Result<Self, WitError> {
        if provider.wit.is_empty() {
            return Err(WitError::NoHandler(provider.name.clone()));
        }
        let (resolve, package) =
            parse(&files(provider)).map_err(|fault| WitError::invalid(&provider.name, fault))?;

        let package = &resolve.packages[package];
        let no_handler = || WitError::NoHandler(provider.name.clone());
        let cases = cases(
            &resolve,
            provider,
            *package.interfaces.get("handler").ok_or_else(no_handler)?,
        );
        let imports = package.interfaces.iter().filter(|(name, id)| {
            *name != "handler" && !resolve.interfaces[**id].functions.is_empty()
        });
        Ok(Self {
            version: package.name.version.as_ref().map(ToString::to_string),
            imports: imports.map(|(name, _)| name.clone()).collect(),
            cases: cases.ok_or_else(no_handler)?,
        })
    }

    /// Returns the full name of an interface of the package.
    pub(crate) fn interface(&self, provider: &ProviderFiles, name: &str) -> String {
        let version = self.version.as_ref().map(|version| format!("@{version}"));
        format!("{}/{name}{}", provider.package, version.unwrap_or_default())
    }
}

/// Returns the files of a provider's package, with the package that it depends on.
pub(super) fn files(provider: &ProviderFiles) -> Files {
    let mut files = Files::default();
    files.add_below("deps/hookyard-plugin", template::below("wit/hookyard"));
    for (name, text) in &provider.wit {
        files.add(name, text.as_bytes());
    }
    files
}

/// Reads the cases of the variant `event`, which is the last parameter of `handle`.
fn cases(resolve: &Resolve, provider: &ProviderFiles, handler: InterfaceId) -> Option<Vec<Case>> {
    let event = resolve.interfaces[handler].types.get("event")?;
    let TypeDefKind::Variant(variant) = &resolve.types[*event].kind else {
        return None;
    };
    let event_type = |case: &str| {
        let mut types = provider.cases.iter();
        types
            .find(|(_, name)| *name == case)
            .map(|(event_type, _)| event_type.clone())
    };
    let cases = variant.cases.iter().map(|case| Case {
        name: case.name.clone(),
        event_type: event_type(&case.name).unwrap_or_else(|| case.name.clone()),
        has_payload: case.ty.is_some(),
        payload: case.ty.map_or(String::new(), |ty| type_name(resolve, ty)),
    });
    Some(cases.collect())
}

/// Returns the name of a type, or an empty text for a type without a name.
fn type_name(resolve: &Resolve, ty: Type) -> String {
    match ty {
        Type::Id(id) => resolve.types[id].name.clone().unwrap_or_default(),
        _ => String::new(),
    }
}
