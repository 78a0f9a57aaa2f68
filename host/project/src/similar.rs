//! Finds the name that somebody meant.

/// The smallest similarity of two names that are worth a hint.
const SIMILARITY_MIN: f64 = 0.75;

/// Returns the name that is most similar to `given`, if one is similar.
pub fn closest<'n>(given: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}

/// Returns the part of a message that asks whether a similar name was meant.
pub fn hint(similar: Option<&str>) -> String {
    similar.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
