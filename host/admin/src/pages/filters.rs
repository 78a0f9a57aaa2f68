//! The filters of a list: the fields of the form, and the links that change one filter.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::shown::Written;

/// What stays as it is in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A field of the form.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) value: String,
    pub(crate) hint: &'static str,
    pub(crate) choices: Option<Vec<String>>,
}

/// A filter that is set, as a link that removes it.
pub(crate) struct SetFilter {
    pub(crate) name: &'static str,
    pub(crate) value: Written,
    pub(crate) path: String,
}

/// The parameters of a list, in their order, without those that are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filters {
    /// The path of the page, such as `/deliveries`.
    page: &'static str,
    set: Vec<(&'static str, String)>,
}

impl Filters {
    /// Returns the filters of a page. A filter that is `None` or empty is left out.
    pub(crate) fn of(page: &'static str, all: &[(&'static str, Option<&str>)]) -> Self {
        let set = all.iter().filter_map(|(name, value)| {
            let value = value.filter(|value| !value.is_empty())?;
            Some((*name, value.to_owned()))
        });
        Self {
            page,
            set: set.collect(),
        }
    }

    /// Returns whether no filter is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Returns the value of a filter.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let found = self.set.iter().find(|(set, _)| *set == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the path of the page with these filters.
    pub(crate) fn path(&self) -> String {
        path(self.page, &self.set)
    }

    /// Returns the path of another page with these filters.
    pub(crate) fn path_on(&self, page: &'static str) -> String {
        path(page, &self.set)
    }

    /// Returns the path of the page with one filter set to another value.
    pub(crate) fn with(&self, name: &'static str, value: &str) -> String {
        let mut set = self.without_one(name);
        set.push((name, value.to_owned()));
        path(self.page, &set)
    }

    /// Returns the path of the page without one filter.
    pub(crate) fn without(&self, name: &str) -> String {
        path(self.page, &self.without_one(name))
    }

    /// Returns each filter with the path of the page without it.
    pub(crate) fn removable(&self) -> Vec<SetFilter> {
        let filters = self.set.iter().map(|(name, value)| SetFilter {
            name,
            value: Written::short(value),
            path: self.without(name),
        });
        filters.collect()
    }

    /// Returns a text field of the form.
    pub(crate) fn text(
        &self,
        name: &'static str,
        label: &'static str,
        hint: &'static str,
    ) -> Field {
        Field {
            name,
            label,
            value: self.value(name).unwrap_or_default().to_owned(),
            hint,
            choices: None,
        }
    }

    /// Returns a field of the form with these choices.
    pub(crate) fn choice<C: Into<String>>(
        &self,
        name: &'static str,
        label: &'static str,
        choices: impl IntoIterator<Item = C>,
    ) -> Field {
        Field {
            choices: Some(choices.into_iter().map(Into::into).collect()),
            ..self.text(name, label, "")
        }
    }

    fn without_one(&self, name: &str) -> Vec<(&'static str, String)> {
        let others = self.set.iter().filter(|(set, _)| *set != name);
        others.cloned().collect()
    }
}

/// Returns a path with a query.
pub(crate) fn path(page: &str, query: &[(&str, String)]) -> String {
    let mut out = page.to_owned();
    for (index, (name, value)) in query.iter().enumerate() {
        out.push(if index == 0 { '?' } else { '&' });
        out.push_str(name);
        out.push('=');
        out.extend(utf8_percent_encode(value, QUERY));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters() -> Filters {
        Filters::of(
            "/",
            &[
                ("source", Some("a&b")),
                ("type", Some("")),
                ("state", Some("dead")),
                ("key", None),
            ],
        )
    }

    #[test]
    fn links_keep_and_change_filters() {
        let filters = filters();
        assert_eq!(filters.path(), "/?source=a%26b&state=dead");
        assert_eq!(
            filters.path_on("/replay/events"),
            "/replay/events?source=a%26b&state=dead"
        );
        assert_eq!(filters.with("state", "held"), "/?source=a%26b&state=held");
        assert_eq!(
            filters.with("cursor", "x"),
            "/?source=a%26b&state=dead&cursor=x"
        );
        let removable = filters.removable();
        assert_eq!(
            (removable[0].name, removable[0].path.as_str()),
            ("source", "/?state=dead")
        );
    }

    #[test]
    fn page_without_filters_has_no_query() {
        let none = Filters::of("/deliveries", &[("state", None)]);
        assert!(none.is_empty());
        assert_eq!(none.path(), "/deliveries");
    }

    #[test]
    fn field_has_the_value_of_its_filter() {
        let field = filters().choice("state", "State", ["dead", "held"]);
        assert_eq!(field.value, "dead");
        assert_eq!(field.choices.map(|choices| choices.len()), Some(2));
        assert_eq!(filters().text("type", "Type", "").value, "");
    }
}
