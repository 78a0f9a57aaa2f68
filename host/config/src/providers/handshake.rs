//! The `[[handshake]]` tables of a provider: what a sender asks before it sends events, and how the
//! host answers.

use hookyard_schemes::handshake::{
    Condition, Handshake, HandshakeAnswer, HandshakeBody, HandshakeMethod, HmacPiece, JsonTemplate,
    Test,
};
use hookyard_schemes::value::Template;
use toml::de::{DeTable, DeValue};

use super::value;
use crate::document::{Entry, Scalar, Section, unknown};

/// The status of an answer that does not name one.
const OK: usize = 200;

/// Reads the list of handshakes. Reports faulty ones and leaves them out.
pub(crate) fn read(entry: &Entry<'_>) -> Vec<Handshake> {
    let items = entry.items();
    let handshakes = items.iter().filter_map(|item| item.table(handshake));
    handshakes.collect()
}

fn handshake(section: &Section<'_>) -> Option<Handshake> {
    let when = section.entry("when");
    if when.is_none() {
        let what_for = "the requests that ask for the handshake, such as \
                        { method = \"GET\", query = \"challenge\" }";
        section.missing("when", what_for);
    }
    let when = when.and_then(|entry| condition(&entry));
    let verified = section.get_or("verified", true);
    let optional_place = |key| {
        let entry = section.entry(key);
        entry.map_or(Some(None), |entry| entry.table(value::place).map(Some))
    };
    let (require, learn) = (optional_place("require"), optional_place("learn"));
    let answer = section.table("answer", answer);

    let handshake = Handshake {
        when: when?,
        verified,
        require: require?,
        answer: answer?,
        learn: learn?,
    };
    if let Err(error) = handshake.check() {
        section.fault(error);
        return None;
    }
    Some(handshake)
}

/// Reads `when`: one table, or a list of tables.
fn condition(entry: &Entry<'_>) -> Option<Condition> {
    let tables = if entry.is_table() {
        vec![entry.table(test)]
    } else {
        entry.items().iter().map(|item| item.table(test)).collect()
    };
    let tests = tables.into_iter().collect::<Option<Vec<_>>>()?;
    if tests.is_empty() {
        entry.fault("is empty, so that it would hold for every request; name a value");
        return None;
    }

    let (methods, tests): (Vec<_>, _) = tests.into_iter().unzip();
    let mut methods = methods.into_iter().flatten();
    let method = methods.next();
    if methods.any(|other| Some(other) != method) {
        entry.fault("has two methods, and a request has one; remove one of them");
        return None;
    }
    Some(Condition {
        method: method.unwrap_or(HandshakeMethod::Post),
        tests,
    })
}

/// Reads one table of `when`: a place, the value there, and a method.
fn test(section: &Section<'_>) -> Option<(Option<HandshakeMethod>, Test)> {
    let method = section.entry("method").map(|entry| method(&entry));
    let equals = section.get("equals");
    let place = value::place(section);

    let method = method.map_or(Some(None), |method| method.map(Some));
    Some((
        method?,
        Test {
            place: place?,
            equals,
        },
    ))
}

fn method(entry: &Entry<'_>) -> Option<HandshakeMethod> {
    let given = entry.get::<String>()?;
    let known = HandshakeMethod::ALL;
    let method = known.into_iter().find(|method| method.name() == given);
    if method.is_none() {
        let names = known.map(HandshakeMethod::name);
        let message = unknown("method", &given, names);
        entry.fault(format_args!(
            "{message} (choose one of {})",
            names.join(", ")
        ));
    }
    method
}

/// Reads `answer`. An absent answer is the status 200 without a body.
fn answer(section: &Section<'_>) -> Option<HandshakeAnswer> {
    let faults_before = section.fault_count();
    let status = section.get_or("status", OK);
    let mut headers = Vec::new();
    section.table("headers", |table| {
        table.each(|name, entry| {
            let text = value::value::<HmacPiece>(&entry);
            headers.extend(text.map(|text| (name.to_owned(), text)));
        });
    });
    let text = section.entry("text").map(|entry| value::value(&entry));
    let json = section.get::<JsonTemplate>("json");
    let body = match (text, json) {
        (Some(_), Some(_)) => {
            section.fault("contains both `text` and `json`; remove one of them");
            return None;
        }
        (Some(text), None) => HandshakeBody::Text(text?),
        (None, Some(json)) => HandshakeBody::Json(json),
        (None, None) => HandshakeBody::Empty,
    };

    let status = u16::try_from(status).unwrap_or_default();
    let answer = HandshakeAnswer::new(status, headers, body)
        .map_err(|error| section.fault(error))
        .ok();
    answer.filter(|_| section.fault_count() == faults_before)
}

impl Scalar for JsonTemplate {
    /// Reads JSON that is written as TOML. The members of objects keep their order.
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        Ok(match value {
            DeValue::String(text) if text.is_empty() => Self::EmptyText,
            DeValue::String(text) => {
                Self::Text(Template::parse(text).map_err(|error| error.to_string())?)
            }
            DeValue::Boolean(value) => Self::Fixed(value.to_string()),
            DeValue::Integer(number) => {
                let number = i64::from_str_radix(number.as_str(), number.radix());
                Self::Fixed(number.map_err(|error| error.to_string())?.to_string())
            }
            DeValue::Array(items) => {
                let items = items.iter().map(|item| Self::read(item.get_ref()));
                Self::Array(items.collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => Self::Object(members(table)?),
            DeValue::Float(_) | DeValue::Datetime(_) => {
                return Err(
                    "an answer can contain only strings, whole numbers, true or false, lists and \
                     tables"
                        .into(),
                );
            }
        })
    }
}

/// Reads the members of an object in the order in which they are written.
fn members(table: &DeTable<'_>) -> Result<Vec<(String, JsonTemplate)>, String> {
    let mut written: Vec<_> = table.iter().collect();
    written.sort_by_key(|(name, _)| name.span().start);

    let members = written.into_iter().map(|(name, value)| {
        let name = name.get_ref();
        let value = JsonTemplate::read(value.get_ref());
        Ok((
            name.to_string(),
            value.map_err(|error| format!("{name}: {error}"))?,
        ))
    });
    members.collect()
}
