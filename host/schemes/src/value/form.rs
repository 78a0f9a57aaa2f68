//! Forms as JSON, so that a typed handler receives the fields of a form like those of an object.

use super::fields::FORM_TYPE;
use super::pairs::Pairs;

/// Returns whether a value of the header `Content-Type` means a form.
pub fn is_form(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(FORM_TYPE)
}

/// Returns a form as a JSON object of texts, in the order of the form. A repeated name stays
/// repeated. `None` if the form has too many fields, or if a name or value is not UTF-8.
pub fn form_as_json(form: &[u8]) -> Option<String> {
    let mut json = String::from("{");
    for (name, value) in Pairs::parse(form)?.iter() {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&text(name)?);
        json.push(':');
        json.push_str(&text(value)?);
    }
    json.push('}');
    Some(json)
}

fn text(bytes: &[u8]) -> Option<String> {
    serde_json::to_string(str::from_utf8(bytes).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_becomes_an_object_of_texts() {
        for (form, expected) in [
            ("", Some("{}")),
            (
                "From=%2B49155&Body=a+%22b%22",
                Some(r#"{"From":"+49155","Body":"a \"b\""}"#),
            ),
            ("a=1&a=2&empty", Some(r#"{"a":"1","a":"2","empty":""}"#)),
            ("a=%FF", None),
        ] {
            assert_eq!(form_as_json(form.as_bytes()).as_deref(), expected, "{form}");
        }
    }

    #[test]
    fn form_is_known_by_its_media_type() {
        for (content_type, expected) in [
            ("application/x-www-form-urlencoded", true),
            ("Application/X-WWW-Form-URLEncoded; charset=UTF-8", true),
            ("application/json", false),
            ("", false),
        ] {
            assert_eq!(is_form(content_type), expected, "{content_type}");
        }
    }
}
