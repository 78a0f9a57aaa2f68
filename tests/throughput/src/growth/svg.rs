//! An SVG file. Its colours follow the reader's theme, and its background is its own.

use std::fmt::{Display, Write as _};

/// Plain colours first, because not every program knows variables or themes.
const STYLE: &str = "\
.back{fill:#fff}\
text{font:12px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}\
.title{font-size:14px;font-weight:600}.soft{fill:#59636e}\
.grid{stroke:#d8dee4}.axis{stroke:#59636e}\
.line{fill:none;stroke-width:2}.range{stroke-width:1.5;opacity:.55}\
.rate{stroke:#0969da}.time{stroke:#bc4c00}.dot.rate{fill:#0969da}.dot.time{fill:#bc4c00}\
@media (prefers-color-scheme:dark){\
.back{fill:#0d1117}text{fill:#f0f6fc}.soft{fill:#9198a1}\
.grid{stroke:#30363d}.axis{stroke:#9198a1}\
.rate{stroke:#58a6ff}.time{stroke:#ff9a57}.dot.rate{fill:#58a6ff}.dot.time{fill:#ff9a57}}";

/// Where a text is relative to its point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing in progress.
pub(super) struct Svg(String);

impl Svg {
    /// Begins a drawing. The title is for readers who cannot see it.
    pub(super) fn new(width: f64, height: f64, title: &str) -> Self {
        let title = escaped(title);
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{title}\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n\
             <rect class=\"back\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n"
        ))
    }

    pub(super) fn line(&mut self, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
        self.push(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    pub(super) fn path(&mut self, class: &str, points: &[[f64; 2]]) {
        let points: Vec<String> = points
            .iter()
            .map(|[x, y]| format!("{x:.1},{y:.1}"))
            .collect();
        let points = points.join(" ");
        self.push(format_args!(
            "<polyline class=\"line {class}\" points=\"{points}\"/>"
        ));
    }

    pub(super) fn dot(&mut self, class: &str, [x, y]: [f64; 2]) {
        self.push(format_args!(
            "<circle class=\"dot {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>"
        ));
    }

    pub(super) fn text(&mut self, class: &str, [x, y]: [f64; 2], anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    /// Returns the file.
    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    fn push(&mut self, element: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{element}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        let mut svg = Svg::new(10.0, 20.0, "a \"title\"");
        svg.text("soft", [1.0, 2.0], Anchor::End, "1 < 2 & 3");
        let file = svg.finish();
        assert!(file.contains(">1 &lt; 2 &amp; 3</text>"), "{file}");
        assert!(
            file.contains("aria-label=\"a &quot;title&quot;\""),
            "{file}"
        );
    }
}
