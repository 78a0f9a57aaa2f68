//! Ending jobs and unrouted events that nobody wants any more.

use hookyard_model::WorkState;

use super::State;
use super::replay::selects_event;
use hookyard_store::{Discard, DiscardSummary, transitions};

impl State {
    pub(super) fn discard(&mut self, discard: &Discard) -> DiscardSummary {
        let events = self.discard_events(discard);
        let mut discarded = DiscardSummary {
            events,
            ..DiscardSummary::default()
        };
        for (at, plugin) in self.selected_jobs(&discard.selection) {
            let state = self.events[&at].jobs[&plugin.name].state;
            let Ok(next) = transitions::discard(state) else {
                discarded.leased += u64::from(matches!(state, WorkState::Leased { .. }));
                continue;
            };
            discarded.jobs += 1;
            if !discard.dry_run {
                let job = self.put(at, &plugin, next);
                job.discards.push((job.replays, discard.record()));
            }
        }
        discarded
    }

    fn discard_events(&mut self, discard: &Discard) -> u64 {
        if !discard.selection.matches_unrouted() {
            return 0;
        }
        let mut events = 0;
        for stored in self.events.values_mut() {
            if stored.is_unrouted() && selects_event(&discard.selection, stored) {
                events += 1;
                stored.discarded = (!discard.dry_run).then(|| discard.record());
            }
        }
        events
    }
}
