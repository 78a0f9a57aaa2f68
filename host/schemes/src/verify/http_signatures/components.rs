//! The components of a request that a signature covers, and the text that is signed (RFC 9421, 2).

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sfv::{BareItem, InnerList, Item, ItemSerializer, ListSerializer};

use super::input::{INPUT, malformed};
use crate::recipe::PublicUrl;
use crate::scheme::header_name;
use crate::value::Fields;
use crate::{Refusal, Request, SetupError};

/// The maximum number of components of one signature.
const COMPONENTS_MAX: usize = 64;
/// The derived components of a request (RFC 9421, 2.2).
const DERIVED: [&str; 8] = [
    "@method",
    "@target-uri",
    "@authority",
    "@scheme",
    "@request-target",
    "@path",
    "@query",
    QUERY_PARAMETER,
];
const QUERY_PARAMETER: &str = "@query-param";
/// The characters of a parameter that stay as they are (RFC 9421, 2.2.8).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'*')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_');

/// A component: a header, or a part of the request that RFC 9421 derives.
pub(super) struct Component<'s> {
    pub(super) name: &'s str,
    /// The name of the query parameter, for `@query-param`.
    parameter: Option<&'s str>,
    item: &'s Item,
}

impl<'s> Component<'s> {
    /// Checks the name of a component that signatures must cover.
    pub(super) fn check_name(name: &str) -> Result<(), SetupError> {
        let is_header = || header_name(name).is_ok_and(|lower| lower == name);
        if DERIVED.contains(&name) || is_header() {
            return Ok(());
        }
        Err(SetupError::UnknownComponent {
            given: name.to_owned(),
            known: DERIVED.join(", "),
        })
    }

    /// Reads the components that a signature covers. Each may occur once.
    pub(super) fn read_all(list: &'s InnerList) -> Result<Vec<Self>, Refusal> {
        if list.items.len() > COMPONENTS_MAX {
            return Err(malformed(INPUT, "has more than 64 components"));
        }
        let components: Vec<_> = list
            .items
            .iter()
            .map(Self::read)
            .collect::<Result<_, _>>()?;

        let mut seen = BTreeSet::new();
        let is_new = |component: &Self| seen.insert((component.name, component.parameter));
        if components.iter().all(is_new) {
            Ok(components)
        } else {
            Err(malformed(INPUT, "names a component twice"))
        }
    }

    fn read(item: &'s Item) -> Result<Self, Refusal> {
        let BareItem::String(name) = &item.bare_item else {
            return Err(malformed(INPUT, "has a component that is not a string"));
        };
        let name = name.as_str();
        let is_header = || header_name(name).is_ok_and(|lower| lower == name);
        if !DERIVED.contains(&name) && !is_header() {
            return Err(unsupported(name, None));
        }

        let parameter = match item.params.get("name") {
            Some(BareItem::String(parameter)) if name == QUERY_PARAMETER => {
                Some(parameter.as_str())
            }
            None if name == QUERY_PARAMETER => {
                return Err(malformed(INPUT, "has a `@query-param` without a `name`"));
            }
            _ => None,
        };
        // `sf`, `key`, `bs`, `req` and `tr` change the meaning of a component.
        let other = item
            .params
            .keys()
            .find(|key| parameter.is_none() || key.as_str() != "name");
        match other {
            Some(key) => Err(unsupported(name, Some(key.as_str()))),
            None => Ok(Self {
                name,
                parameter,
                item,
            }),
        }
    }
}

fn unsupported(name: &str, parameter: Option<&str>) -> Refusal {
    let name = match parameter {
        Some(parameter) => format!("{name};{parameter}"),
        None => name.to_owned(),
    };
    Refusal::UnknownExtension {
        name: hookyard_model::excerpt(&name),
    }
}

/// The values of the components of one request.
pub(super) struct Values<'r, 'a> {
    request: &'r Request<'a>,
    fields: Fields<'a>,
    public_url: Option<&'r PublicUrl>,
}

impl<'r, 'a> Values<'r, 'a> {
    pub(super) fn new(request: &'r Request<'a>, public_url: Option<&'r PublicUrl>) -> Self {
        Self {
            request,
            fields: Fields::new(*request),
            public_url,
        }
    }

    /// Returns the signature base: a line for each component, and the parameters at the end.
    pub(super) fn base(
        &self,
        components: &[Component<'_>],
        list: &InnerList,
    ) -> Result<String, Refusal> {
        let mut base = String::new();
        for component in components {
            let Item { bare_item, params } = component.item;
            let identifier = ItemSerializer::new()
                .bare_item(bare_item)
                .parameters(params)
                .finish();
            base.extend([&identifier, ": ", &self.value(component)?, "\n"]);
        }
        base.push_str("\"@signature-params\": ");
        base.push_str(&serialized(list));
        Ok(base)
    }

    fn value(&self, component: &Component<'_>) -> Result<String, Refusal> {
        let query = self.request.query;
        let query_text = || query.map_or_else(String::new, |query| format!("?{query}"));
        let url = || {
            self.public_url.ok_or_else(|| Refusal::NeedsPublicUrl {
                component: component.name.to_owned(),
            })
        };

        match component.name {
            "@method" => Ok(self.request.method.to_owned()),
            "@authority" => Ok(url()?.authority()),
            "@scheme" => Ok(url()?.scheme().to_owned()),
            "@path" => Ok(self.path().to_owned()),
            "@query" => Ok(format!("?{}", query.unwrap_or_default())),
            "@request-target" => Ok(format!("{}{}", self.path(), query_text())),
            "@target-uri" => {
                let (scheme, authority) = (url()?.scheme(), url()?.authority());
                Ok(format!(
                    "{scheme}://{authority}{}{}",
                    self.path(),
                    query_text()
                ))
            }
            QUERY_PARAMETER => self.parameter(component.parameter.unwrap_or_default()),
            header => Ok(self.request.ascii_header(header)?.trim().to_owned()),
        }
    }

    /// Returns the path that the sender uses: that of the public URL, or else that of the request.
    fn path(&self) -> &str {
        match self.public_url.map_or(self.request.path, PublicUrl::path) {
            "" => "/",
            path => path,
        }
    }

    /// Returns the encoded value of a query parameter, which must occur once. `name` is encoded too.
    fn parameter(&self, name: &str) -> Result<String, Refusal> {
        let encoded = |bytes: &[u8]| percent_encode(bytes, RESERVED).to_string();
        let mut values = self
            .fields
            .query()?
            .iter()
            .filter(|(found, _)| encoded(found) == name)
            .map(|(_, value)| encoded(value));
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            (None, _) => Err(malformed(INPUT, "covers a query parameter that is missing")),
            (Some(_), Some(_)) => Err(malformed(
                INPUT,
                "covers a query parameter that is repeated",
            )),
        }
    }
}

/// Returns a list as RFC 8941 writes it.
fn serialized(list: &InnerList) -> String {
    let mut out = ListSerializer::new();
    let mut inner = out.inner_list();
    inner.items(&list.items);
    let _ = inner.finish().parameters(&list.params);
    out.finish().unwrap_or_default()
}
