//! The plot of a dimension: the rate on the left, the time to an answer on the right.

use super::axis::Axis;
use super::dimension::grouped;
use super::svg::{Anchor, Svg};
use super::{Curve, Measured};
use crate::spread::Spread;

const WIDTH: f64 = 840.0;
const HEIGHT: f64 = 300.0;
/// The pixels of the vertical axes.
const BOTTOM: f64 = 240.0;
const TOP: f64 = 56.0;

/// Half of a plot.
struct Panel<'a> {
    title: &'a str,
    /// The pixels of the horizontal axis.
    across: [f64; 2],
    class: &'static str,
    is_logarithmic: bool,
    /// Returns the text of a mark on the vertical axis.
    mark: fn(f64) -> String,
    value: fn(&Measured) -> Spread,
}

/// Draws a plot.
pub(super) fn draw(curve: &Curve) -> String {
    let dimension = &curve.dimension;
    let title = format!(
        "Settled events per second and acknowledgement times by {}",
        dimension.label
    );
    let mut svg = Svg::new(WIDTH, HEIGHT, &title);
    Panel {
        title: "Events handled and settled per second",
        across: [70.0, 390.0],
        class: "rate",
        is_logarithmic: dimension.has_wide_rate,
        mark: |rate| grouped(rate as usize),
        value: Measured::rate,
    }
    .draw(curve, &mut svg);
    Panel {
        title: "Time to 99 % of the answers, at half that load",
        across: [490.0, 810.0],
        class: "time",
        is_logarithmic: true,
        mark: time,
        value: Measured::p99,
    }
    .draw(curve, &mut svg);
    svg.finish()
}

fn time(micros: f64) -> String {
    // The marks are powers of ten, which a computer does not represent exactly.
    let micros = micros.round();
    if micros < 1e3 {
        format!("{micros} µs")
    } else if micros < 1e6 {
        format!("{} ms", micros / 1e3)
    } else {
        format!("{} s", micros / 1e6)
    }
}

impl Panel<'_> {
    fn draw(&self, curve: &Curve, svg: &mut Svg) {
        let [left, right] = self.across;
        let (x, y) = self.axes(curve);
        svg.text("title", [left - 52.0, 26.0], Anchor::Start, self.title);

        for mark in &y.marks {
            let height = y.at(*mark);
            svg.line("grid", [left, height], [right, height]);
            svg.text(
                "soft",
                [left - 8.0, height + 4.0],
                Anchor::End,
                &(self.mark)(*mark),
            );
        }
        svg.line("axis", [left, BOTTOM], [right, BOTTOM]);
        for point in &curve.points {
            let place = x.at(point.x as f64);
            svg.line("axis", [place, BOTTOM], [place, BOTTOM + 4.0]);
            let text = curve.dimension.text_of(point.x);
            svg.text("soft", [place, BOTTOM + 18.0], Anchor::Middle, &text);
        }
        let middle = f64::midpoint(left, right);
        svg.text(
            "",
            [middle, BOTTOM + 42.0],
            Anchor::Middle,
            curve.dimension.label,
        );

        let mut points = Vec::new();
        for point in &curve.points {
            let Spread {
                median,
                least,
                most,
            } = (self.value)(point);
            let place = x.at(point.x as f64);
            let range = format!("range {}", self.class);
            svg.line(&range, [place, y.at(least)], [place, y.at(most)]);
            points.push([place, y.at(median)]);
        }
        svg.path(self.class, &points);
        for point in points {
            svg.dot(self.class, point);
        }
    }

    fn axes(&self, curve: &Curve) -> (Axis, Axis) {
        let [left, right] = self.across;
        let places = || curve.points.iter().map(|point| point.x as f64);
        let x = Axis::logarithmic(
            [left + 24.0, right - 24.0],
            places().fold(f64::INFINITY, f64::min),
            places().fold(0.0, f64::max),
        );

        let spreads = || curve.points.iter().map(|point| (self.value)(point));
        let least = spreads()
            .map(|spread| spread.least)
            .fold(f64::INFINITY, f64::min);
        let most = spreads().map(|spread| spread.most).fold(0.0, f64::max);
        let y = if self.is_logarithmic {
            Axis::rounded([BOTTOM, TOP], least, most)
        } else {
            Axis::linear([BOTTOM, TOP], most)
        };
        (x, y)
    }
}
