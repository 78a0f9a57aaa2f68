//! What people see of a store in memory: the audit log, the counts of refused requests and the
//! figures of the charts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use hookyard_model::{SourceRef, Timestamp};
use hookyard_store::{
    AUDIT_DAYS_MAX, AUDIT_ENTRIES_MAX, Audit, AuditEntry, AuditId, AuditPage, AuditSelection,
    Chart, Charts, Error, Figure, FigureValue, Hint, Listener, Live, OTHER_SERIES,
    REFUSAL_DAYS_MAX, REFUSALS_MAX, REFUSALS_OF_SOURCE_MAX, RefusalCount, RefusalCounts,
    RefusalSelection, RefusalSummary, Resolution, SERIES_OF_TENANT_MAX, Series, Tenants,
};

use super::{MemoryStore, list};

/// The audit log, the refusals and the figures.
#[derive(Default)]
pub(super) struct Kept(Mutex<State>);

#[derive(Default)]
struct State {
    /// The entries by the number of their arrival.
    entries: BTreeMap<usize, AuditEntry>,
    added: usize,
    by_id: BTreeMap<AuditId, usize>,
    refusals: BTreeMap<RefusalKey, RefusalCount>,
    figures: BTreeMap<(Resolution, Series, Timestamp), FigureValue>,
}

/// The minute comes first, so that the oldest rows are the first ones.
type RefusalKey = (Timestamp, SourceRef, String, IpAddr);

impl Kept {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryStore {
    /// Adds the audit entry of a change, if there is one.
    pub(super) fn note(&self, audit: Option<AuditEntry>) {
        if let Some(entry) = audit {
            self.feed.tell(Hint::Audit(entry.tenant.clone()));
            self.kept.state().add_entry(entry);
        }
    }
}

#[async_trait]
impl Audit for MemoryStore {
    async fn add_audit(&self, entry: AuditEntry) -> Result<(), Error> {
        self.note(Some(entry));
        Ok(())
    }

    async fn audit(&self, page: AuditPage, tenants: &Tenants) -> Result<Vec<AuditEntry>, Error> {
        let state = self.kept.state();
        let entries = list::in_order(&state.entries, &state.by_id, page.order, page.after);

        Ok(entries
            .filter(|entry| tenants.contain(entry.tenant.as_ref()))
            .filter(|entry| is_selected(&page.selection, entry))
            .take(page.limit)
            .cloned()
            .collect())
    }
}

fn is_selected(selection: &AuditSelection, entry: &AuditEntry) -> bool {
    let AuditSelection {
        author,
        action,
        target,
        tenant,
        since,
        until,
    } = selection;
    let is =
        |filter: &Option<String>, value: &str| filter.as_ref().is_none_or(|filter| filter == value);

    is(author, &entry.author.name)
        && is(action, &entry.action)
        && is(target, &entry.target)
        && tenant
            .as_ref()
            .is_none_or(|of| Some(of) == entry.tenant.as_ref())
        && since.is_none_or(|since| entry.at >= since)
        && until.is_none_or(|until| entry.at < until)
}

#[async_trait]
impl RefusalCounts for MemoryStore {
    async fn add_refusals(&self, counts: Vec<RefusalCount>) -> Result<(), Error> {
        let oldest = self.clock.now().before(days(REFUSAL_DAYS_MAX));
        let mut state = self.kept.state();
        for count in counts {
            self.feed.tell(Hint::Refusals(count.source.clone()));
            state.add_refusal(count);
        }
        state.refusals.retain(|(minute, ..), _| *minute >= oldest);

        Ok(())
    }

    async fn refusals(
        &self,
        selection: RefusalSelection,
        tenants: &Tenants,
    ) -> Result<Vec<RefusalSummary>, Error> {
        let RefusalSelection {
            tenant,
            source,
            since,
        } = selection;
        let tenants = tenants.filtered(tenant.as_ref());
        let since = since.map(|since| Resolution::Minute.begin(since));

        let state = self.kept.state();
        let counts = state.refusals.iter().filter(|((minute, ..), count)| {
            tenants.contains(&count.source.tenant)
                && source
                    .as_ref()
                    .is_none_or(|source| *source == count.source.name)
                && since.is_none_or(|since| *minute >= since)
        });
        Ok(RefusalSummary::of_all(
            counts.map(|(_, count)| count.clone()).collect(),
        ))
    }
}

#[async_trait]
impl Charts for MemoryStore {
    async fn add_figures(&self, figures: Vec<Figure>) -> Result<(), Error> {
        let now = self.clock.now();
        let mut state = self.kept.state();
        for figure in figures {
            state.add_figure(figure);
        }
        for resolution in Resolution::ALL {
            let oldest = resolution.begin(now.before(resolution.kept()));
            state
                .figures
                .retain(|(of, _, at), _| *of != resolution || *at >= oldest);
        }
        self.feed.tell(Hint::Figures);

        Ok(())
    }

    async fn figures(&self, chart: Chart, tenants: &Tenants) -> Result<Vec<Figure>, Error> {
        let Chart {
            tenant,
            kind,
            name,
            from,
            until,
            resolution,
        } = chart;
        let tenants = tenants.filtered(tenant.as_ref());
        let oldest = self.clock.now().before(resolution.kept());
        let from = resolution.begin(from.max(oldest));

        let state = self.kept.state();
        let shown = state.figures.iter().filter(|((of, series, at), _)| {
            *of == resolution
                && (from..until).contains(at)
                && tenants.contains(&series.tenant)
                && kind.is_none_or(|kind| kind == series.kind)
                && name.as_ref().is_none_or(|name| *name == series.name)
        });
        Ok(shown
            .map(|((_, series, at), value)| Figure {
                series: series.clone(),
                at: *at,
                value: *value,
            })
            .collect())
    }
}

impl Live for MemoryStore {
    fn listen(&self) -> Listener {
        self.feed.listen()
    }
}

impl State {
    fn add_entry(&mut self, entry: AuditEntry) {
        if self.by_id.contains_key(&entry.id) {
            return;
        }

        let oldest = entry.at.before(days(AUDIT_DAYS_MAX));
        self.added += 1;
        self.by_id.insert(entry.id, self.added);
        self.entries.insert(self.added, entry);

        let kept = self.added.saturating_sub(AUDIT_ENTRIES_MAX);
        self.entries
            .retain(|number, entry| *number > kept && entry.at >= oldest);
        let entries = &self.entries;
        self.by_id.retain(|_, number| entries.contains_key(number));
    }

    fn add_refusal(&mut self, count: RefusalCount) {
        let minute = Resolution::Minute.begin(count.last);
        let source = count.source.clone();
        let key = (minute, source.clone(), count.reason.clone(), count.peer);
        let known = self.refusals.entry(key);
        known
            .and_modify(|known| {
                known.count += count.count;
                known.first = known.first.min(count.first);
                known.last = known.last.max(count.last);
                known.sample.clone_from(&count.sample);
            })
            .or_insert(count);

        self.drop_oldest_refusals(REFUSALS_OF_SOURCE_MAX, |of| *of == source);
        self.drop_oldest_refusals(REFUSALS_MAX, |_| true);
    }

    fn drop_oldest_refusals(&mut self, max: usize, is_counted: impl Fn(&SourceRef) -> bool) {
        let counted = self.refusals.keys().filter(|(_, of, ..)| is_counted(of));
        let surplus = counted.clone().count().saturating_sub(max);
        let oldest: Vec<_> = counted.take(surplus).cloned().collect();
        for key in oldest {
            self.refusals.remove(&key);
        }
    }

    fn add_figure(&mut self, figure: Figure) {
        let series = self.series(figure.series);
        for resolution in Resolution::ALL {
            let key = (resolution, series.clone(), resolution.begin(figure.at));
            self.figures.entry(key).or_default().merge(&figure.value);
        }
    }

    /// Returns the series that takes the figures of a series.
    fn series(&self, series: Series) -> Series {
        let known = self.figures.keys().map(|(_, known, _)| known);
        let of_tenant: BTreeSet<_> = known
            .filter(|known| known.tenant == series.tenant)
            .collect();
        // Each kind may need its series of the others.
        let room = SERIES_OF_TENANT_MAX - hookyard_store::SeriesKind::ALL.len();
        if of_tenant.contains(&series) || of_tenant.len() < room {
            return series;
        }

        Series {
            name: OTHER_SERIES.to_owned(),
            code: String::new(),
            ..series
        }
    }
}

fn days(count: u64) -> std::time::Duration {
    std::time::Duration::from_secs(count * 24 * 3600)
}
