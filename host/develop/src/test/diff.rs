//! The difference between two texts, line by line.

/// The maximum number of lines of each text that are compared.
const LINES_MAX: usize = 500;
/// The number of equal lines that are shown around a difference.
const CONTEXT: usize = 2;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Same,
    Removed,
    Added,
}

/// Returns the lines of both texts: `- ` before lines of the first, `+ ` before lines of the second,
/// and two spaces before lines of both. Equal lines far from a difference are left out.
pub(crate) fn lines(before: &str, after: &str) -> Vec<String> {
    let before: Vec<&str> = before.lines().take(LINES_MAX).collect();
    let after: Vec<&str> = after.lines().take(LINES_MAX).collect();
    let all = compare(&before, &after);

    let is_near = |at: usize| {
        let from = at.saturating_sub(CONTEXT);
        let to = (at + CONTEXT + 1).min(all.len());
        all[from..to].iter().any(|(kind, _)| *kind != Kind::Same)
    };

    let mut shown = Vec::new();
    let mut is_left_out = false;
    for (at, (kind, line)) in all.iter().enumerate() {
        if !is_near(at) {
            is_left_out = true;
            continue;
        }
        if std::mem::take(&mut is_left_out) {
            shown.push("  …".to_owned());
        }
        let sign = match kind {
            Kind::Same => ' ',
            Kind::Removed => '-',
            Kind::Added => '+',
        };
        shown.push(format!("{sign} {line}"));
    }
    shown
}

/// Compares the lines by their longest common sequence.
fn compare<'l>(before: &[&'l str], after: &[&'l str]) -> Vec<(Kind, &'l str)> {
    let mut common = vec![vec![0_usize; after.len() + 1]; before.len() + 1];
    for (i, one) in before.iter().enumerate().rev() {
        for (j, other) in after.iter().enumerate().rev() {
            common[i][j] = if one == other {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }

    let (mut i, mut j) = (0, 0);
    let mut all = Vec::new();
    while i < before.len() || j < after.len() {
        let is_same = i < before.len() && j < after.len() && before[i] == after[j];
        let is_removed =
            i < before.len() && (j == after.len() || common[i + 1][j] >= common[i][j + 1]);

        if is_same {
            all.push((Kind::Same, before[i]));
            (i, j) = (i + 1, j + 1);
        } else if is_removed {
            all.push((Kind::Removed, before[i]));
            i += 1;
        } else {
            all.push((Kind::Added, after[j]));
            j += 1;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_line_is_shown_with_context() {
        let before = "a\nb\nc\nd\ne\nf\ng";
        let after = "a\nb\nc\nd\nE\nf\ng\nh";

        assert_eq!(
            lines(before, after),
            ["  …", "  c", "  d", "- e", "+ E", "  f", "  g", "+ h"]
        );
        assert_eq!(lines(before, before), [""; 0]);
    }
}
