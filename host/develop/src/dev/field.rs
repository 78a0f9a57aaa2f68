//! Finds the field in the author's WIT that a decoding error is about.

use std::fs;
use std::path::{Path, PathBuf};

/// The maximum number of type names on the way to a field.
const DEPTH_MAX: usize = 32;

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The file, relative to the author's folder.
    pub file: PathBuf,
    /// The number of the line, from 1.
    pub line: usize,
    /// The line without white space around it.
    pub text: String,
    name: String,
    /// The name of the type, without `option` and `list`.
    ty: String,
}

/// A record, or a variant whose cases count as fields.
#[derive(Debug)]
struct Record {
    name: String,
    fields: Vec<Field>,
}

/// Returns the field that a JSON path such as `$.offer.lines[0].quantity` leads to, in the WIT files
/// of an author's folder. The path begins in the type of the event's case.
pub fn find(folder: &Path, case: Option<&str>, path: &str) -> Option<Field> {
    let mut records = Vec::new();
    read_folder(folder, &folder.join("wit"), &mut records);
    find_in(&records, case, path)
}

fn find_in(records: &[Record], case: Option<&str>, path: &str) -> Option<Field> {
    let names = names(path);
    let events = records.iter().filter(|record| record.name == "event");
    let cases = events.flat_map(|event| &event.fields);
    let start = cases.filter(|field| case.is_none_or(|case| field.name == case));

    let mut starts: Vec<&str> = start.map(|field| field.ty.as_str()).collect();
    starts.extend(records.iter().map(|record| record.name.as_str()));
    starts.into_iter().find_map(|ty| walk(records, ty, &names))
}

/// Follows the names from the record `ty`.
fn walk(records: &[Record], ty: &str, names: &[String]) -> Option<Field> {
    let (name, rest) = names.split_first()?;
    if names.len() > DEPTH_MAX {
        return None;
    }

    let mut named = records.iter().filter(|record| record.name == ty);
    named.find_map(|record| {
        let field = record
            .fields
            .iter()
            .find(|field| plain(&field.name) == *name)?;
        if rest.is_empty() {
            Some(field.clone())
        } else {
            walk(records, &field.ty, rest)
        }
    })
}

/// Returns the names of the members on a path, in their plain spelling.
fn names(path: &str) -> Vec<String> {
    let parts = path
        .split(['.', '[', ']'])
        .map(|part| part.trim_matches('"'));
    let is_name =
        |part: &&str| !matches!(*part, "" | "$") && !part.bytes().all(|byte| byte.is_ascii_digit());
    parts.filter(is_name).map(plain).collect()
}

/// Returns a name without the differences between `offer-line`, `offer_line` and `offerLine`.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

fn read_folder(root: &Path, folder: &Path, records: &mut Vec<Record>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|it| Some(it.ok()?.path())).collect();
    // The author's own file comes before the packages that it depends on.
    paths.sort_by_key(|path| (path.is_dir(), path.clone()));

    for path in paths {
        if path.is_dir() {
            read_folder(root, &path, records);
        } else if path.extension().is_some_and(|extension| extension == "wit")
            && let Ok(text) = fs::read_to_string(&path)
        {
            let file = path.strip_prefix(root).unwrap_or(&path);
            read_file(file, &text, records);
        }
    }
}

fn read_file(file: &Path, text: &str, records: &mut Vec<Record>) {
    let mut current: Option<Record> = None;
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default().trim();
        let mut words = code.split_whitespace();
        let (keyword, name) = (words.next(), words.next());

        if let (Some("record" | "variant"), Some(name)) = (keyword, name) {
            current = Some(Record {
                name: name
                    .trim_end_matches('{')
                    .trim_start_matches('%')
                    .to_owned(),
                fields: Vec::new(),
            });
        } else if code.starts_with('}') {
            records.extend(current.take());
        } else if let Some(record) = &mut current
            && let Some((name, ty)) = member(code)
        {
            record.fields.push(Field {
                file: file.to_owned(),
                line: number + 1,
                text: code.to_owned(),
                name: name.trim().trim_start_matches('%').to_owned(),
                ty: innermost(ty).to_owned(),
            });
        }
    }
}

/// Returns the name and the type of a field `name: type` or of a case `name(type)`.
fn member(code: &str) -> Option<(&str, &str)> {
    let code = code.trim_end_matches(',');
    code.split_once(':')
        .or_else(|| code.strip_suffix(')')?.split_once('('))
}

/// Returns the type within `option` and `list`.
fn innermost(ty: &str) -> &str {
    let mut ty = ty.trim();
    while let Some(inner) = ty
        .strip_prefix("option<")
        .or_else(|| ty.strip_prefix("list<"))
        .and_then(|rest| rest.strip_suffix('>'))
    {
        ty = inner.trim();
    }
    ty.trim_start_matches('%')
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIT: &str = "
interface types {
    record offer {
        id: string,
        offer-lines: list<option<line>>,  // lines
    }
    record line {
        id: string,
        quantity: u32,
    }
    record order {
        id: string,
    }
    variant event {
        offer-accepted(offer),
        order-created(order),
        other(string),
    }
}";

    fn line(case: Option<&str>, path: &str) -> Option<usize> {
        let mut records = Vec::new();
        read_file(Path::new("wit/plugin.wit"), WIT, &mut records);
        find_in(&records, case, path).map(|field| field.line)
    }

    #[test]
    fn field_is_found_by_its_path() {
        assert_eq!(
            line(Some("offer-accepted"), "$.offer_lines[0].quantity"),
            Some(9)
        );
        assert_eq!(line(Some("order-created"), "$.id"), Some(12));
        assert_eq!(line(Some("offer-accepted"), "$.id"), Some(4));
        assert_eq!(line(None, "$.quantity"), Some(9));
        assert_eq!(line(None, "$.price"), None);
        assert_eq!(line(None, "$"), None);
    }
}
