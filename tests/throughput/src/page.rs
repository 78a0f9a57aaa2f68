//! `docs/performance.md`: what is between two marks is replaced. The rest is written by hand.

use std::fs;

use anyhow::{Context, Result};
use hookyard_testkit::workspace;

/// Replaces a part of the page.
pub(crate) fn replace(part: &str, text: &str) -> Result<()> {
    let path = workspace::root().join("docs/performance.md");
    let page = fs::read_to_string(&path).context("docs/performance.md cannot be read")?;
    fs::write(&path, replaced(&page, part, text)?)?;
    Ok(())
}

fn replaced(page: &str, part: &str, text: &str) -> Result<String> {
    let begin = format!("<!-- `UPDATE=1 cargo throughput` writes the {part} from here -->");
    let end = format!("<!-- to here: {part} -->");
    let missing = || format!("docs/performance.md has no place for the {part}");
    let (before, rest) = page.split_once(&begin).with_context(missing)?;
    let (_, after) = rest.split_once(&end).with_context(missing)?;
    Ok(format!(
        "{before}{begin}\n\n{}\n\n{end}{after}",
        text.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_part_is_replaced() {
        let begin = "<!-- `UPDATE=1 cargo throughput` writes the table from here -->";
        let page = format!("before\n{begin}\nold\n<!-- to here: table -->\nafter\n");
        let expected = format!("before\n{begin}\n\nnew\n\n<!-- to here: table -->\nafter\n");
        assert_eq!(
            replaced(&page, "table", "\nnew\n").expect("marks"),
            expected
        );
        assert!(replaced(&page, "plots", "new").is_err());
    }
}
