//! Replaces the placeholders of a template.
//!
//! `{{provider.snake}}` is the provider's name in snake case; other spellings are `kebab`, `pascal`,
//! `camel` and `upper`. `{{package.…}}` is the WIT package, and `{{namespace.…}}` and
//! `{{interface.…}}` are its parts; `{{version}}` is its version. The lines between a line with
//! `@each` and a line with `@end` are repeated for each case of the event; `{{case.…}}` is its name,
//! `{{payload.…}}` the name of its type, and `{{case.type}}` the sender's name of the event. `@each bare` repeats them for the cases
//! without a payload, `@first` writes them once, for the first case. `@other` keeps lines only if
//! the event has a case `other` with a payload.

use super::Spelling;

/// A case of a provider's event variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    /// The name in WIT.
    pub(crate) name: String,
    /// The sender's name of the event, or the name in WIT if the provider does not list it.
    pub(crate) event_type: String,
    /// Whether the case has a payload.
    pub(crate) has_payload: bool,
    /// The name of the payload's type in WIT, or an empty text if the type has no name.
    pub(crate) payload: String,
}

/// The values of the placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Values {
    /// The provider's name.
    pub(crate) provider: String,
    /// The provider's WIT package without its version.
    pub(crate) package: String,
    /// The version of the package, or an empty text.
    pub(crate) version: String,
    /// The cases, without `other`.
    pub(crate) cases: Vec<Case>,
    /// Whether there is a case `other` with a payload.
    pub(crate) has_other: bool,
}

/// Fills in a template.
///
/// # Errors
///
/// Returns the placeholder that is not known.
pub(crate) fn fill(template: &str, values: &Values) -> Result<String, String> {
    let mut output = String::with_capacity(template.len());
    let mut lines = template.split_inclusive('\n');

    while let Some(line) = lines.next() {
        let Some(block) = Block::of_line(line) else {
            output.push_str(&replace(line, values, None)?);
            continue;
        };
        let body: String = lines
            .by_ref()
            .take_while(|line| !line.contains("@end"))
            .collect();
        match block {
            Block::Other if values.has_other => output.push_str(&replace(&body, values, None)?),
            Block::Other => {}
            _ => {
                for case in block.cases(values) {
                    output.push_str(&replace(&body, values, Some(case))?);
                }
            }
        }
    }
    Ok(output)
}

/// Lines that are repeated or left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Each { has_payload: bool },
    First,
    Other,
}

impl Block {
    fn of_line(line: &str) -> Option<Self> {
        if line.contains("@each bare") {
            Some(Self::Each { has_payload: false })
        } else if line.contains("@each") {
            Some(Self::Each { has_payload: true })
        } else if line.contains("@first") {
            Some(Self::First)
        } else if line.contains("@other") {
            Some(Self::Other)
        } else {
            None
        }
    }

    fn cases(self, values: &Values) -> impl Iterator<Item = &Case> {
        let count = if self == Self::First { 1 } else { usize::MAX };
        let has_payload = self != Self::Each { has_payload: false };
        values
            .cases
            .iter()
            .filter(move |case| case.has_payload == has_payload)
            .take(count)
    }
}

/// Replaces the placeholders of some lines. Other text in braces, which languages use, stays.
fn replace(text: &str, values: &Values, case: Option<&Case>) -> Result<String, String> {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;

    while let Some((before, after)) = rest.split_once("{{") {
        output.push_str(before);
        let placeholder = after
            .split_once("}}")
            .filter(|(name, _)| is_placeholder(name));
        let Some((name, after)) = placeholder else {
            output.push_str("{{");
            rest = after;
            continue;
        };
        let value = value(name, values, case);
        output.push_str(&value.ok_or_else(|| format!("unknown placeholder `{name}`"))?);
        rest = after;
    }
    output.push_str(rest);
    Ok(output)
}

fn is_placeholder(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'.')
}

fn value(name: &str, values: &Values, case: Option<&Case>) -> Option<String> {
    if name == "version" {
        return Some(values.version.clone());
    }
    let (what, form) = name.split_once('.')?;
    if (what, form) == ("case", "type") {
        return case.map(|case| case.event_type.clone());
    }

    let (namespace, interface) = values.package.split_once(':')?;
    let text = match what {
        "provider" => values.provider.as_str(),
        "package" if form == "id" => return Some(values.package.clone()),
        "package" => values.package.as_str(),
        "namespace" => namespace,
        "interface" => interface,
        "case" => case?.name.as_str(),
        "payload" => case?.payload.as_str(),
        _ => return None,
    };
    Spelling::parse(form).map(|spelling| spelling.of(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let case = |name: &str, event_type: &str, has_payload| Case {
            name: name.to_owned(),
            event_type: event_type.to_owned(),
            has_payload,
            payload: "order-event".to_owned(),
        };
        Values {
            provider: "shop-front".to_owned(),
            package: "shop-front:webhooks".to_owned(),
            version: "1.0.0".to_owned(),
            cases: vec![
                case("order-paid", "order.paid", true),
                case("order-sent", "order.sent", true),
                case("ping", "ping", false),
            ],
            has_other: true,
        }
    }

    #[test]
    fn blocks_are_repeated_for_cases() {
        let template = "\
use {{namespace.snake}}::{{interface.snake}}; // {{package.id}}@{{version}}
// @each
Event::{{case.pascal}}(it) => \"{{case.type}}\",
// @end
// @each bare
Event::{{case.pascal}} => {},
// @end
// @first
first {{case.camel}} {{payload.go}}
// @end
// @other
Event::Other(_) => {}
// @end
end
";
        let filled = fill(template, &values()).expect("filled");
        let expected = "\
use shop_front::webhooks; // shop-front:webhooks@1.0.0
Event::OrderPaid(it) => \"order.paid\",
Event::OrderSent(it) => \"order.sent\",
Event::Ping => {},
first orderPaid OrderEvent
Event::Other(_) => {}
end
";
        assert_eq!(filled, expected);

        let without = Values {
            has_other: false,
            ..values()
        };
        assert!(!fill(template, &without).expect("filled").contains("Other"));
    }

    #[test]
    fn unknown_placeholder_is_named() {
        for name in ["provider.title", "case.snake", "cases"] {
            let filled = fill(&format!("{{{{{name}}}}}"), &values());
            assert_eq!(filled, Err(format!("unknown placeholder `{name}`")));
        }
    }

    #[test]
    fn braces_of_languages_stay() {
        for text in ["int a[][1] = {{1}, {2}};", "{{", "f({{}})", "{{ name }}"] {
            assert_eq!(fill(text, &values()).as_deref(), Ok(text));
        }
    }
}
