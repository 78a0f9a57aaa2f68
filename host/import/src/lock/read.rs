//! Reads the text of `import.lock`.

use super::{Lock, LockError, Locked, LockedEvent, Word};

/// The fault of a line, without its number.
type Read<T> = Result<T, &'static str>;

/// Reads the whole text.
pub(super) fn lock(text: &str) -> Result<Lock, LockError> {
    let mut lock = Lock::default();
    let mut case = None;
    for (place, written) in text.lines().enumerate() {
        line(&mut lock, &mut case, written).map_err(|reason| LockError {
            line: place + 1,
            reason,
        })?;
    }
    Ok(lock)
}

fn line(lock: &mut Lock, case: &mut Option<String>, line: &str) -> Read<()> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    if line.starts_with('"') {
        let case = case.as_ref().ok_or("a path is before the first event")?;
        let (path, rest) = string(line)?;
        let paths = &mut lock.events.entry(case.clone()).or_default().paths;
        let is_new = paths.insert(path, locked(rest.trim_start())?).is_none();
        return is_new.then_some(()).ok_or("the path is there twice");
    }

    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "importer" => lock.importer = rest.parse().map_err(|_| "the importer is not a number")?,
        "document" => lock.document = rest.to_owned(),
        "version" => lock.version = string(rest)?.0,
        "package" => lock.package = rest.to_owned(),
        "wit" => lock.wit = rest.to_owned(),
        "event" => {
            let (name, types) = rest.split_once(' ').unwrap_or((rest, ""));
            let event = LockedEvent {
                types: strings(types)?,
                ..LockedEvent::default()
            };
            *case = Some(name.to_owned());
            let is_new = lock.events.insert(name.to_owned(), event).is_none();
            return is_new.then_some(()).ok_or("the event is there twice");
        }
        _ => return Err("the line begins with an unknown word"),
    }
    Ok(())
}

fn locked(text: &str) -> Read<Locked> {
    let (is_option, text) = match text.strip_prefix("option ") {
        Some(inner) => (true, inner),
        None => (false, text),
    };
    let word = match text.strip_prefix("variant ") {
        Some(values) => Word::Values(strings(values)?),
        None => {
            let simple = Word::SIMPLE.into_iter().find(|word| word.name() == text);
            simple.ok_or("the type is unknown")?
        }
    };
    Ok(Locked { is_option, word })
}

/// Reads JSON strings that blanks separate.
fn strings(mut text: &str) -> Read<Vec<String>> {
    let mut strings = Vec::new();
    while !text.is_empty() {
        let (value, rest) = string(text)?;
        strings.push(value);
        text = rest.trim_start();
    }
    Ok(strings)
}

/// Reads the JSON string at the start of a text, and returns the rest.
fn string(text: &str) -> Read<(String, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
    match values.next() {
        Some(Ok(value)) => {
            let end = values.byte_offset();
            Ok((value, &text[end..]))
        }
        _ => Err("a quoted text is expected"),
    }
}
