//! The ways in which a host is killed: at each crash point in turn, and at random moments.

use std::fmt;
use std::time::Duration;

use hookyard_crash::Point;

/// A way to kill a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// With `kill -9`, after this time under load.
    Under(Duration),
    /// With `kill -9`, after this time from its start.
    Starting(Duration),
    /// With a power cut, after this time under load. A random part of the unsynced data is lost.
    PowerCut(Duration),
    /// At a crash point, when the host reaches it for the n-th time.
    At(Point, u32),
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Under(after) => write!(f, "kill -9 after {} ms of load", after.as_millis()),
            Self::Starting(after) => write!(f, "kill -9 {} ms into its start", after.as_millis()),
            Self::PowerCut(after) => write!(f, "power cut after {} ms of load", after.as_millis()),
            Self::At(point, times) => write!(f, "at {point}, pass {times}"),
        }
    }
}

/// The number of kills and the seed.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The number of kills. With `Plan::ROUND` or more, every crash point is included.
    pub kills: u32,
    /// The seed. The same seed gives the same kills.
    pub seed: u64,
    /// The largest number of passes before a crash point ends the host.
    pub passes_max: u32,
    /// The longest time under load before a `kill -9`.
    pub load_max: Duration,
}

impl Plan {
    /// The number of kills in which each kind occurs once.
    pub const ROUND: u32 = Point::ALL.len() as u32 + Self::RANDOM;
    /// The number of random moments in each round.
    const RANDOM: u32 = 8;

    /// Returns the kills in order.
    pub(crate) fn deaths(&self) -> Vec<Death> {
        let mut dice = fastrand::Rng::with_seed(self.seed);
        let mut deaths = Vec::new();
        while deaths.len() < self.kills as usize {
            let mut turn: Vec<Death> = Point::ALL
                .into_iter()
                .map(|point| self.at(point, &mut dice))
                .collect();
            for number in 0..Self::RANDOM {
                turn.push(self.at_random(number, &mut dice));
            }
            dice.shuffle(&mut turn);
            deaths.extend(turn);
        }
        deaths.truncate(self.kills as usize);
        deaths
    }

    fn at(&self, point: Point, dice: &mut fastrand::Rng) -> Death {
        let times_max = match point {
            _ if point.is_at_start() => 1,
            // One claim leases a whole group of jobs, so that a host makes few claims.
            Point::ClaimCommitted => (self.passes_max / 10).max(1),
            _ => self.passes_max,
        };
        Death::At(point, dice.u32(1..=times_max))
    }

    fn at_random(&self, number: u32, dice: &mut fastrand::Rng) -> Death {
        let most = u64::try_from(self.load_max.as_millis()).unwrap_or(u64::MAX);
        let after = Duration::from_millis(dice.u64(1..=most));
        match number {
            // At its start, the host takes up the work of the previous host.
            0 => Death::Starting(Duration::from_millis(dice.u64(1..=150))),
            // The library that fakes a power cut is for Linux only.
            1..=3 if cfg!(target_os = "linux") => Death::PowerCut(after),
            _ => Death::Under(after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crash_schedule_is_complete_and_seeded() {
        let plan = Plan {
            kills: Plan::ROUND,
            seed: 7,
            passes_max: 5,
            load_max: Duration::from_millis(50),
        };
        let deaths = plan.deaths();
        for point in Point::ALL {
            assert!(
                deaths
                    .iter()
                    .any(|death| matches!(death, Death::At(at, _) if *at == point)),
                "{point}"
            );
        }
        assert_eq!(plan.deaths(), deaths);
        assert_ne!(Plan { seed: 8, ..plan }.deaths(), deaths);
    }
}
