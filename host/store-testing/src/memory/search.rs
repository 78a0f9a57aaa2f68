//! Searches and counts in memory. They cost no time, so only the items of a budget count.

use async_trait::async_trait;
use hookyard_model::{EventId, MessageId, SourceRef};
use hookyard_store::{
    Budget, Count, Counts, Error, EventPage, EventSelection, EventSummary, Found, JobCounts,
    MessageCounts, MessagePage, MessageSelection, MessageSummary, Page, Place, Search,
    StoredTotals, Tenants,
};

use super::{MemoryStore, State};

#[async_trait]
impl Search for MemoryStore {
    async fn search_events(
        &self,
        page: EventPage,
        tenants: &Tenants,
        budget: Budget,
    ) -> Result<Found<EventSummary, EventId>, Error> {
        let state = self.state();
        let place = |summary: &EventSummary| Place {
            id: summary.id,
            at: summary.received_at,
        };
        let is_allowed = |summary: &EventSummary| tenants.contains(&summary.source.tenant);
        let list = |page: &EventPage| state.page(page);

        Ok(search(
            &page,
            EventSelection::default(),
            budget,
            list,
            is_allowed,
            place,
        ))
    }

    async fn search_messages(
        &self,
        page: MessagePage,
        tenants: &Tenants,
        budget: Budget,
    ) -> Result<Found<MessageSummary, MessageId>, Error> {
        let state = self.state();
        let place = |summary: &MessageSummary| Place {
            id: summary.id,
            at: summary.created_at,
        };
        let is_allowed = |summary: &MessageSummary| tenants.contains(&summary.plugin.tenant);
        let list = |page: &MessagePage| state.outbox.page(page);

        Ok(search(
            &page,
            MessageSelection::default(),
            budget,
            list,
            is_allowed,
            place,
        ))
    }

    async fn count_events(
        &self,
        selection: EventSelection,
        tenants: &Tenants,
        max: u64,
        budget: Budget,
    ) -> Result<Count, Error> {
        let page = EventPage::last(selection, usize::MAX);
        let found = self.search_events(page, tenants, budget).await?;

        Ok(count(found, max))
    }

    async fn count_messages(
        &self,
        selection: MessageSelection,
        tenants: &Tenants,
        max: u64,
        budget: Budget,
    ) -> Result<Count, Error> {
        let page = MessagePage::last(selection, usize::MAX);
        let found = self.search_messages(page, tenants, budget).await?;

        Ok(count(found, max))
    }

    async fn keyed(&self, sources: &[SourceRef], key: &str) -> Result<Vec<EventId>, Error> {
        let state = self.state();
        let owner = |source: &SourceRef| {
            let (id, _) = state.by_key.get(&(source.clone(), key.to_owned()))?;
            Some((*state.by_id.get(id)?, *id))
        };
        let mut found: Vec<_> = sources.iter().filter_map(owner).collect();
        found.sort_by(|one, other| other.cmp(one));

        Ok(found.into_iter().map(|(_, id)| id).collect())
    }
}

/// Looks at the items of a list one after the other.
fn search<S: Clone, Id: Copy + PartialEq, T>(
    page: &Page<S, Id>,
    everything: S,
    budget: Budget,
    list: impl Fn(&Page<S, Id>) -> Vec<T>,
    is_allowed: impl Fn(&T) -> bool,
    place: impl Fn(&T) -> Place<Id>,
) -> Found<T, Id> {
    let all = list(&Page {
        selection: everything,
        limit: usize::MAX,
        ..page.clone()
    });
    let mut matching = list(&Page {
        limit: usize::MAX,
        ..page.clone()
    });
    matching.retain(is_allowed);

    let items = usize::try_from(budget.items).unwrap_or(usize::MAX);
    let last = all.get(items.saturating_sub(1)).or(all.last()).map(&place);
    let looked_at = |item: &T| {
        let id = place(item).id;
        all.iter()
            .take(items.max(1))
            .any(|seen| place(seen).id == id)
    };
    let count = matching.iter().take_while(|item| looked_at(item)).count();
    let is_cut_by_budget = all.len() > items;

    let is_cut_by_limit = count > page.limit;
    matching.truncate(count.min(page.limit));
    let next = match (is_cut_by_limit, is_cut_by_budget) {
        (true, _) => matching.last().map(&place),
        (false, true) => last,
        (false, false) => None,
    };
    Found {
        items: matching,
        next,
    }
}

fn count<T, Id>(found: Found<T, Id>, max: u64) -> Count {
    let counted = Count::capped(found.items.len() as u64, max);
    Count {
        has_more: counted.has_more || found.next.is_some(),
        ..counted
    }
}

#[async_trait]
impl Counts for MemoryStore {
    async fn job_counts(&self, tenants: &Tenants, max: u64) -> Result<JobCounts, Error> {
        let state = self.state();
        let capped = |name: &str| Count::capped(state.jobs_in(tenants, name), max);

        Ok(JobCounts {
            pending: capped("pending"),
            leased: capped("leased"),
            waiting: capped("waiting"),
            held: capped("held"),
            dead: capped("dead"),
            unrouted: Count::capped(state.unrouted_of(tenants), max),
        })
    }

    async fn message_counts(&self, tenants: &Tenants, max: u64) -> Result<MessageCounts, Error> {
        let page = MessagePage::first(MessageSelection::default(), usize::MAX);
        let messages = self.state().outbox.page(&page);
        let capped = |name: &str| {
            let of = messages.iter().filter(|message| {
                message.state.name() == name && tenants.contains(&message.plugin.tenant)
            });
            Count::capped(of.count() as u64, max)
        };

        Ok(MessageCounts {
            pending: capped("pending"),
            leased: capped("leased"),
            waiting: capped("waiting"),
            dead: capped("dead"),
        })
    }

    async fn totals(&self, tenants: &Tenants) -> Result<Vec<StoredTotals>, Error> {
        let state = self.state();
        let mut totals = state.totals();
        totals.retain(|totals| tenants.contains(&totals.tenant));

        Ok(totals)
    }
}

impl State {
    fn jobs_in(&self, tenants: &Tenants, name: &str) -> u64 {
        let events = self.events.values();
        let allowed = events.filter(|stored| tenants.contains(&stored.event.source.tenant));
        let jobs = allowed.flat_map(|stored| stored.jobs.values());

        jobs.filter(|job| job.state.name() == name).count() as u64
    }

    fn unrouted_of(&self, tenants: &Tenants) -> u64 {
        let unrouted = self
            .events
            .values()
            .filter(|stored| stored.is_unrouted() && tenants.contains(&stored.event.source.tenant));

        unrouted.count() as u64
    }
}
