//! The axes of a plot: where a value is, and which values are marked.

/// The maximum number of marks on a logarithmic axis before only powers of ten are marked.
const MARKS_MAX: usize = 7;

/// An axis from `start` to `end` in pixels.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    start: f64,
    end: f64,
    /// The values at both ends, as logarithms if the axis is logarithmic.
    low: f64,
    high: f64,
    is_logarithmic: bool,
    /// The values to mark.
    pub(super) marks: Vec<f64>,
}

impl Axis {
    /// Returns an axis from zero to a round value that is not less than `most`.
    pub(super) fn linear([start, end]: [f64; 2], most: f64) -> Self {
        let step = step(most);
        let count = (most / step).ceil();
        Self {
            start,
            end,
            low: 0.0,
            high: count * step,
            is_logarithmic: false,
            marks: (0..=count as u32)
                .map(|number| f64::from(number) * step)
                .collect(),
        }
    }

    /// Returns a logarithmic axis between these values, without marks.
    pub(super) fn logarithmic([start, end]: [f64; 2], least: f64, most: f64) -> Self {
        Self {
            start,
            end,
            low: least.log10(),
            high: most.log10().max(least.log10() + 0.1),
            is_logarithmic: true,
            marks: Vec::new(),
        }
    }

    /// Returns a logarithmic axis between round values that contains these values.
    pub(super) fn rounded(pixels: [f64; 2], least: f64, most: f64) -> Self {
        let mut marks = rounds(&[1.0, 2.0, 5.0], least, most);
        if marks.len() > MARKS_MAX {
            marks = rounds(&[1.0], least, most);
        }
        let (low, high) = (marks[0], marks[marks.len() - 1]);
        Self {
            marks,
            ..Self::logarithmic(pixels, low, high)
        }
    }

    /// Returns where a value is.
    pub(super) fn at(&self, value: f64) -> f64 {
        let value = if self.is_logarithmic {
            value.log10()
        } else {
            value
        };
        let share = (value - self.low) / (self.high - self.low);
        self.start + share * (self.end - self.start)
    }
}

/// Returns the distance of marks: 1, 2 or 5 times a power of ten, so that there are two to six.
fn step(most: f64) -> f64 {
    let power = 10f64.powf((most / 2.0).log10().floor());
    let steps = [0.5, 1.0, 2.0, 5.0].map(|times| times * power);
    let found = steps.into_iter().find(|step| most / step <= 6.0);
    found.unwrap_or(10.0 * power)
}

/// Returns multiples of powers of ten: the last one that is not more than `least`, the first one
/// that is not less than `most`, and all between them.
fn rounds(multiples: &[f64], least: f64, most: f64) -> Vec<f64> {
    let powers = least.log10().floor() as i32..=most.log10().ceil() as i32;
    let all: Vec<f64> = powers
        .flat_map(|power| multiples.iter().map(move |times| times * 10f64.powi(power)))
        .collect();
    let first = all.iter().rposition(|mark| *mark <= least).unwrap_or(0);
    let last = all
        .iter()
        .position(|mark| *mark >= most)
        .unwrap_or(all.len() - 1);
    all[first..=last.max(first)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_axis_has_round_marks() {
        let axis = Axis::linear([100.0, 0.0], 11_700.0);
        assert_eq!(axis.marks, [0.0, 2e3, 4e3, 6e3, 8e3, 10e3, 12e3]);
        assert_eq!(axis.at(0.0), 100.0);
        assert_eq!(axis.at(12e3), 0.0);
        let axis = Axis::linear([0.0, 1.0], 1941.0);
        assert_eq!(axis.marks, [0.0, 500.0, 1000.0, 1500.0, 2000.0]);
    }

    #[test]
    fn logarithmic_axis_has_round_marks() {
        let axis = Axis::rounded([0.0, 300.0], 1.5, 800.0);
        assert_eq!(axis.marks, [1.0, 10.0, 100.0, 1000.0]);
        assert!((axis.at(10.0) - 100.0).abs() < 1e-9);
        let axis = Axis::rounded([0.0, 300.0], 250.0, 1900.0);
        assert_eq!(axis.marks, [200.0, 500.0, 1000.0, 2000.0]);
    }
}
