//! What grows, and how far.

use anyhow::Result;

use crate::arguments::Arguments;
use crate::machine::processors;
use crate::server::Setup;

/// The number of tenants of many plugins.
const TENANTS: usize = 50;
/// The number of connections where something else grows.
const CONNECTIONS: usize = 64;
/// The size of the sample.
const BODY: usize = 1408;

/// A dimension.
#[derive(Debug, Clone)]
pub(super) struct Dimension {
    /// The name of its file.
    pub(super) name: &'static str,
    /// What the horizontal axis counts.
    pub(super) label: &'static str,
    pub(super) is_bytes: bool,
    /// Whether the rate changes by so much that its axis is logarithmic.
    pub(super) has_wide_rate: bool,
    pub(super) points: Vec<Point>,
}

/// A host, and its load.
#[derive(Debug, Clone)]
pub(super) struct Point {
    /// The place on the horizontal axis.
    pub(super) x: usize,
    pub(super) setup: Setup,
    pub(super) connections: usize,
    pub(super) body: usize,
    pub(super) cores: usize,
    /// The number of events in the store before the measurement.
    pub(super) stored: u64,
    /// Whether requests are sent to all sources in turn, or to the first one.
    pub(super) uses_all_sources: bool,
}

impl Point {
    /// Returns whether a quick run includes the point.
    fn is_small(&self) -> bool {
        self.setup.plugins <= 10 && self.connections <= CONNECTIONS && self.body <= 16 << 10
    }

    fn at(x: usize) -> Self {
        Self {
            x,
            setup: Setup::ONE_PLUGIN,
            connections: CONNECTIONS,
            body: BODY,
            cores: 1,
            stored: 0,
            uses_all_sources: false,
        }
    }
}

impl Dimension {
    fn new(
        name: &'static str,
        label: &'static str,
        values: &[usize],
        change: impl Fn(&mut Point),
    ) -> Self {
        let points = values.iter().map(|x| {
            let mut point = Point::at(*x);
            change(&mut point);
            point
        });
        Self {
            name,
            label,
            is_bytes: false,
            has_wide_rate: false,
            points: points.collect(),
        }
    }

    /// Returns a value of the horizontal axis as text.
    pub(super) fn text_of(&self, x: usize) -> String {
        if !self.is_bytes {
            return grouped(x);
        }
        let kibibytes = x as f64 / 1024.0;
        if kibibytes >= 1024.0 {
            format!("{} MiB", kibibytes / 1024.0)
        } else {
            format!("{} KiB", (kibibytes * 10.0).round() / 10.0)
        }
    }
}

/// Returns a number with commas between groups of three digits.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns the dimensions that the arguments select.
pub(super) fn all(arguments: &Arguments) -> Result<Vec<Dimension>> {
    let mut all = vec![
        Dimension::new("plugins", "plugins", &[1, 10, 100, 1000], |point| {
            point.setup.plugins = point.x;
            point.setup.tenants = point.x.min(TENANTS);
        }),
        Dimension::new(
            "tenants",
            "tenants with a plugin each",
            &[1, 10, 100, 1000],
            |point| {
                point.setup.plugins = point.x;
                point.setup.tenants = point.x;
                point.uses_all_sources = true;
            },
        ),
        Dimension::new(
            "stored",
            "stored events",
            &[10_000, 100_000, 1_000_000, 10_000_000],
            |point| {
                point.stored = point.x as u64;
            },
        ),
        Dimension {
            is_bytes: true,
            has_wide_rate: true,
            ..Dimension::new(
                "body",
                "size of a body",
                &[1408, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20],
                |point| point.body = point.x,
            )
        },
        Dimension::new(
            "connections",
            "connections",
            &[1, 4, 16, 64, 256, 1000],
            |point| {
                point.connections = point.x;
            },
        ),
        Dimension::new("cores", "processors of the host", &[1, 2], |point| {
            point.cores = point.x;
        }),
    ];
    let names: Vec<_> = all.iter().map(|dimension| dimension.name).collect();
    arguments.check_names(&names)?;
    all.retain(|dimension| arguments.selects(dimension.name));

    let processors = processors()?;
    for dimension in &mut all {
        dimension.points.retain(|point| {
            point.cores <= processors
                && point.stored <= arguments.stored_max as u64
                && (!arguments.is_quick || point.is_small())
        });
    }
    all.retain(|dimension| !dimension.points.is_empty());
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_readable_texts() {
        assert_eq!(grouped(1), "1");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(10_000_000), "10,000,000");
        let bodies = Dimension {
            is_bytes: true,
            ..Dimension::new("body", "size", &[], |_| {})
        };
        assert_eq!(bodies.text_of(1408), "1.4 KiB");
        assert_eq!(bodies.text_of(1 << 20), "1 MiB");
    }
}
