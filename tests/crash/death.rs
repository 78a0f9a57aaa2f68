//! When the host dies: at each crash point in turn, and in between at moments that nobody chose.

use std::fmt;
use std::time::Duration;

use hookyard_crash::Point;

/// How a host comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// By `kill -9`, so long after the load has begun.
    Under(Duration),
    /// By `kill -9`, so long after its process has begun.
    Starting(Duration),
    /// By a power cut, so long after the load has begun: what was written and not synced is gone, or any part of it.
    PowerCut(Duration),
    /// By itself, when it comes to a place for the n-th time.
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

/// How often, and by which dice.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Deaths in all; every crash point is among them once there are as many as `Plan::ROUND`.
    pub kills: u32,
    /// The same seed makes the same deaths.
    pub seed: u64,
    /// The n-th pass of a crash point is drawn from one to this.
    pub passes_max: u32,
    /// The longest time under load before a `kill -9`.
    pub load_max: Duration,
}

impl Plan {
    /// Deaths until each kind has had its turn.
    pub const ROUND: u32 = Point::ALL.len() as u32 + Self::RANDOM;
    /// Random moments in each such turn.
    const RANDOM: u32 = 8;

    /// The deaths, in their order.
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
        let times = if point.is_at_start() {
            1
        } else {
            dice.u32(1..=self.passes_max)
        };
        Death::At(point, times)
    }

    fn at_random(&self, number: u32, dice: &mut fastrand::Rng) -> Death {
        let most = u64::try_from(self.load_max.as_millis()).unwrap_or(u64::MAX);
        let after = Duration::from_millis(dice.u64(1..=most));
        match number {
            // The start is when it takes up what the host before has left.
            0 => Death::Starting(Duration::from_millis(dice.u64(1..=150))),
            // The disk that a cut needs is made for Linux.
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
