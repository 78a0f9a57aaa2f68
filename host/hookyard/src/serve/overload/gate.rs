//! The rule that says when the host stores more than it handles, and when it closes to the senders
//! of a tenant. Pure.

use std::time::{Duration, Instant};

use hookyard_config::OverloadLimits;

/// The host stores more than it handles if it stores more than this many times as much.
const RATIO_MAX: u64 = 3;
/// The number of unhandled jobs below which the host keeps up.
const UNHANDLED_MIN: u64 = 100;
/// The number of windows in `overload_time`.
const WINDOWS: u32 = 4;
/// The minimum time between two warnings.
const REPEAT: Duration = Duration::from_secs(3600);

/// What was counted since the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// The number of jobs that are unhandled now.
    pub(super) unhandled: u64,
    /// The number of attempts that have ended.
    pub(super) handled: u64,
}

/// A notice for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// The limit is reached. The gate is closed.
    Full { unhandled: u64, max: u64 },
    /// The host has stored more than it handles for too long.
    Outrun {
        unhandled: u64,
        stored: u64,
        handled: u64,
        /// The time in which so much was stored and handled.
        time: Duration,
        is_closed: bool,
    },
    /// The host keeps up again. The gate is open.
    Over { unhandled: u64 },
}

/// The gate of one tenant.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// The number of unhandled jobs at the last look.
    unhandled: Option<u64>,
    window: Option<Flow>,
    /// The windows since the host began to store more than it handles.
    outrun: Option<Flow>,
    /// The number of unhandled jobs at which the gate opens again.
    opens_at: Option<u64>,
    warned_at: Option<Instant>,
    is_warned: bool,
}

/// What was stored and handled since a time.
#[derive(Debug, Clone, Copy)]
struct Flow {
    since: Instant,
    stored: u64,
    handled: u64,
}

impl Flow {
    fn new(since: Instant) -> Self {
        Self {
            since,
            stored: 0,
            handled: 0,
        }
    }

    fn plus(self, stored: u64, handled: u64) -> Self {
        Self {
            stored: self.stored + stored,
            handled: self.handled + handled,
            ..self
        }
    }
}

impl Gate {
    /// Returns whether the gate is open.
    pub(super) fn is_open(&self) -> bool {
        self.opens_at.is_none()
    }

    /// Returns the number of unhandled jobs at the last look.
    pub(super) fn unhandled(&self) -> u64 {
        self.unhandled.unwrap_or_default()
    }

    /// Opens or closes the gate, and returns the notice that is due.
    pub(super) fn look(
        &mut self,
        look: Look,
        limits: &OverloadLimits,
        now: Instant,
    ) -> Option<Notice> {
        self.measure(look, limits.overload_time / WINDOWS, now);

        if let Some(opens_at) = self.opens_at {
            let opens = look.unhandled <= opens_at || limits.unhandled_max.is_none();
            return opens.then(|| self.open());
        }
        if let Some(max) = limits.unhandled_max
            && look.unhandled >= max
        {
            self.close();
            return Some(Notice::Full {
                unhandled: look.unhandled,
                max,
            });
        }
        if self.is_warned && look.unhandled < UNHANDLED_MIN {
            return Some(self.open());
        }
        self.outrun_notice(limits, now)
    }

    /// Judges what was stored and handled, once in each window. Within a window, a burst of events
    /// or of slow attempts says nothing about the host.
    fn measure(&mut self, look: Look, window_time: Duration, now: Instant) {
        let before = self.unhandled.unwrap_or(look.unhandled);
        let stored = (look.unhandled + look.handled).saturating_sub(before);
        self.unhandled = Some(look.unhandled);

        let window = self.window.unwrap_or(Flow::new(now));
        let window = window.plus(stored, look.handled);
        self.window = Some(window);
        if now.duration_since(window.since) < window_time {
            return;
        }

        let is_outrun =
            window.stored > RATIO_MAX * window.handled && look.unhandled >= UNHANDLED_MIN;
        self.outrun = is_outrun.then(|| {
            let outrun = self.outrun.unwrap_or(Flow::new(window.since));
            outrun.plus(window.stored, window.handled)
        });
        self.window = Some(Flow::new(now));
    }

    fn outrun_notice(&mut self, limits: &OverloadLimits, now: Instant) -> Option<Notice> {
        let outrun = self.outrun?;
        let time = now.duration_since(outrun.since);
        if time < limits.overload_time {
            return None;
        }

        let is_closed = limits.unhandled_max.is_some();
        if is_closed {
            self.close();
        } else if self
            .warned_at
            .is_some_and(|at| now.duration_since(at) < REPEAT)
        {
            return None;
        } else {
            self.warned_at = Some(now);
            self.is_warned = true;
        }
        Some(Notice::Outrun {
            unhandled: self.unhandled(),
            stored: outrun.stored,
            handled: outrun.handled,
            time,
            is_closed,
        })
    }

    /// Closes the gate until a tenth of the unhandled jobs is handled, so that it does not open and
    /// close at each look.
    fn close(&mut self) {
        self.opens_at = Some(self.unhandled() - self.unhandled().div_ceil(10));
        self.outrun = None;
    }

    fn open(&mut self) -> Notice {
        self.opens_at = None;
        self.is_warned = false;
        Notice::Over {
            unhandled: self.unhandled(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn limits(unhandled_max: Option<u64>) -> OverloadLimits {
        OverloadLimits {
            unhandled_max,
            overload_time: MINUTE,
        }
    }

    /// Looks once a second, and returns the second and the kind of each notice. Each look has the
    /// number of unhandled and of handled jobs.
    fn notices(
        limits: &OverloadLimits,
        looks: impl IntoIterator<Item = (u64, u64)>,
    ) -> Vec<(u64, &'static str)> {
        let (mut gate, start) = (Gate::default(), Instant::now());
        let mut notices = Vec::new();
        for (second, (unhandled, handled)) in (0..).zip(looks) {
            let look = Look { unhandled, handled };
            let notice = gate.look(look, limits, start + Duration::from_secs(second));
            let kind = notice.map(|notice| match notice {
                Notice::Full { .. } => "full",
                Notice::Outrun {
                    is_closed: true, ..
                } => "outrun, closed",
                Notice::Outrun { .. } => "outrun",
                Notice::Over { .. } => "over",
            });
            notices.extend(kind.map(|kind| (second, kind)));
        }
        notices
    }

    #[test]
    fn full_gate_opens_with_room() {
        let rising = (0..=10).map(|n| (n * 100, 50));
        let falling = (0..=10).rev().map(|n| (n * 100, 100));
        assert_eq!(
            notices(&limits(Some(1000)), rising.chain(falling)),
            [(10, "full"), (12, "over")]
        );
    }

    #[test]
    fn lasting_overload_is_warned_of_once() {
        let growing = (1..200).map(|n| (n * 100, 10));
        assert_eq!(notices(&limits(None), growing), [(60, "outrun")]);
    }

    #[test]
    fn lasting_overload_closes_a_limited_gate() {
        let growing = (1..70).map(|n| (n * 100, 10));
        let shrinking = (1..10).map(|n| (6000 - n * 100, 100));
        assert_eq!(
            notices(&limits(Some(1_000_000)), growing.chain(shrinking)),
            [(60, "outrun, closed"), (74, "over")]
        );
    }

    #[test]
    fn end_of_a_warned_overload_is_reported() {
        let growing = (1..=61).map(|n| (n * 100, 10));
        let empty = [(3000, 3100), (99, 2901), (0, 99)];
        assert_eq!(
            notices(&limits(None), growing.chain(empty)),
            [(60, "outrun"), (62, "over")]
        );
    }

    #[test]
    fn burst_and_steady_handling_are_no_overload() {
        let draining = (0..200).map(|n| (100_000 - n * 10, 10));
        let burst = std::iter::once((0, 0)).chain(draining);
        assert_eq!(notices(&limits(None), burst), []);

        let steady = (1..200).map(|n| (n * 100, 100));
        assert_eq!(notices(&limits(None), steady), []);

        let few = (1..99).map(|n| (n, 0));
        assert_eq!(notices(&limits(None), few), []);
    }

    #[test]
    fn gate_opens_when_its_limit_is_removed() {
        let (mut gate, now) = (Gate::default(), Instant::now());
        let look = Look {
            unhandled: 10,
            handled: 0,
        };
        assert!(gate.look(look, &limits(Some(10)), now).is_some());
        assert!(!gate.is_open());
        assert!(gate.look(look, &limits(None), now).is_some());
        assert!(gate.is_open());
    }
}
