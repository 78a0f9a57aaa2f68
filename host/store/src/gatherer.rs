//! What ingress, dispatch and delivery count for the charts, gathered in memory.
//!
//! A count changes one entry under a lock and copies no name that has an entry already. The host
//! [takes](Gatherer::take) the counts every few seconds and adds them to the store. The entries
//! between two takes are bounded by the configuration, and those of refused requests also by
//! [`REFUSALS_GATHERED_MAX`].

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hookyard_model::{DestinationRef, PluginRef, SourceRef, TenantName, Timestamp};

use crate::{Figure, FigureValue, RefusalCount, RefusalSample, Series, SeriesKind};

/// The number of reasons and peers whose refused requests are counted between two takes. Further
/// ones are in the figures of their source, and not in the counts of refusals.
pub const REFUSALS_GATHERED_MAX: usize = 2_000;

/// Gathers figures and counts of refused requests.
#[derive(Debug, Default)]
pub struct Gatherer(Mutex<Gathered>);

#[derive(Debug, Default)]
struct Gathered {
    requests: Codes<SourceRef>,
    attempts: Codes<PluginRef>,
    queue: Codes<PluginRef>,
    deliveries: Codes<DestinationRef>,
    refusals: HashMap<(SourceRef, &'static str, IpAddr), Refused>,
}

/// The figures of each name by code. A name has few codes.
type Codes<Ref> = HashMap<Ref, Vec<(&'static str, FigureValue)>>;

/// The requests to one source that were refused for one reason, from one peer.
#[derive(Debug)]
struct Refused {
    count: u64,
    first: Timestamp,
    last: Timestamp,
    sample: RefusalSample,
}

/// A refused request to a configured source.
#[derive(Debug)]
pub struct RefusedOccurrence<'a> {
    /// The source.
    pub source: &'a SourceRef,
    /// The name of the reason.
    pub reason: &'static str,
    /// The address that the request came from.
    pub peer: IpAddr,
    /// The time of the request.
    pub at: Timestamp,
    /// What the request looked like.
    pub sample: RefusalSample,
}

impl Gatherer {
    /// Counts an answered request to a source.
    pub fn request(&self, source: &SourceRef, result: &'static str, time: Duration) {
        observe(&mut self.lock().requests, source, result, time);
    }

    /// Counts a refused request to a source.
    pub fn refused(&self, occurrence: RefusedOccurrence<'_>) {
        let RefusedOccurrence {
            source,
            reason,
            peer,
            at,
            sample,
        } = occurrence;
        let mut gathered = self.lock();
        let refusals = &mut gathered.refusals;
        let key = (source.clone(), reason, peer);
        if refusals.len() >= REFUSALS_GATHERED_MAX && !refusals.contains_key(&key) {
            return;
        }

        let refused = refusals.entry(key).or_insert_with(|| Refused {
            count: 0,
            first: at,
            last: at,
            sample: RefusalSample::default(),
        });
        refused.count += 1;
        refused.first = refused.first.min(at);
        refused.last = refused.last.max(at);
        refused.sample = sample;
    }

    /// Counts an ended attempt of a plugin, and the time for which its job waited if the attempt is
    /// the first one.
    pub fn attempt(
        &self,
        plugin: &PluginRef,
        outcome: &'static str,
        time: Duration,
        waited: Option<Duration>,
    ) {
        let mut gathered = self.lock();
        observe(&mut gathered.attempts, plugin, outcome, time);
        if let Some(waited) = waited {
            observe(&mut gathered.queue, plugin, "", waited);
        }
    }

    /// Counts an ended delivery to a destination.
    pub fn delivery(&self, destination: &DestinationRef, result: &'static str, time: Duration) {
        observe(&mut self.lock().deliveries, destination, result, time);
    }

    /// Takes everything that was counted since the last take. The figures belong to the time `now`.
    pub fn take(&self, now: Timestamp) -> (Vec<Figure>, Vec<RefusalCount>) {
        let gathered = std::mem::take(&mut *self.lock());
        let Gathered {
            requests,
            attempts,
            queue,
            deliveries,
            refusals,
        } = gathered;

        let mut figures = Vec::new();
        let mut add = |kind, tenant: TenantName, name: String, codes: Vec<_>| {
            figures.extend(codes.into_iter().map(|(code, value)| Figure {
                series: Series {
                    tenant: tenant.clone(),
                    kind,
                    name: name.clone(),
                    code: str::to_owned(code),
                },
                at: now,
                value,
            }));
        };
        for (SourceRef { tenant, name }, codes) in requests {
            add(SeriesKind::Request, tenant, name.to_string(), codes);
        }
        for (PluginRef { tenant, name }, codes) in attempts {
            add(SeriesKind::Attempt, tenant, name.to_string(), codes);
        }
        for (PluginRef { tenant, name }, codes) in queue {
            add(SeriesKind::Queue, tenant, name.to_string(), codes);
        }
        for (DestinationRef { tenant, name }, codes) in deliveries {
            add(SeriesKind::Delivery, tenant, name.to_string(), codes);
        }
        let refusals = refusals.into_iter().flat_map(counts).collect();
        (figures, refusals)
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn observe<Ref: Clone + Eq + Hash>(
    all: &mut Codes<Ref>,
    name: &Ref,
    code: &'static str,
    time: Duration,
) {
    let codes = match all.get_mut(name) {
        Some(codes) => codes,
        None => all.entry(name.clone()).or_default(),
    };
    match codes.iter_mut().find(|(known, _)| *known == code) {
        Some((_, value)) => value.observe(time),
        None => {
            let mut value = FigureValue::default();
            value.observe(time);
            codes.push((code, value));
        }
    }
}

/// Returns the counts of one source, reason and peer. The store keeps one for each minute, so
/// requests of two minutes are counted in the minute of the last one, and the first one in its own.
fn counts(
    ((source, reason, peer), refused): ((SourceRef, &'static str, IpAddr), Refused),
) -> Vec<RefusalCount> {
    let Refused {
        count,
        first,
        last,
        sample,
    } = refused;
    let one = |count, first, last| RefusalCount {
        source: source.clone(),
        reason: reason.to_owned(),
        peer,
        count,
        first,
        last,
        sample: sample.clone(),
    };

    let minute = |at: Timestamp| at.unix_millis().div_euclid(60_000);
    if minute(first) == minute(last) {
        vec![one(count, first, last)]
    } else {
        vec![one(1, first, first), one(count - 1, last, last)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str) -> SourceRef {
        SourceRef {
            tenant: "acme".parse().expect("a name"),
            name: name.parse().expect("a name"),
        }
    }

    fn occurrence<'a>(source: &'a SourceRef, peer: &str, at: i64) -> RefusedOccurrence<'a> {
        RefusedOccurrence {
            source,
            reason: "bad-signature",
            peer: peer.parse().expect("an address"),
            at: Timestamp::from_unix_secs(at),
            sample: RefusalSample::default(),
        }
    }

    #[test]
    fn figures_are_taken_once() {
        let gatherer = Gatherer::default();
        let (orders, time) = (source("orders"), Duration::from_millis(3));
        gatherer.request(&orders, "stored", time);
        gatherer.request(&orders, "stored", time);
        gatherer.request(&orders, "repeat", time);
        let plugin = PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "books".parse().expect("a name"),
        };
        gatherer.attempt(&plugin, "done", time, Some(time));
        gatherer.attempt(&plugin, "done", time, None);

        let now = Timestamp::from_unix_secs(60);
        let (mut figures, _) = gatherer.take(now);
        figures.sort_by(|one, other| one.series.cmp(&other.series));
        let shown: Vec<_> = figures
            .iter()
            .map(|figure| {
                let Series {
                    kind, name, code, ..
                } = &figure.series;
                format!("{} {name} {code} {}", kind.name(), figure.value.count)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "request orders repeat 1",
                "request orders stored 2",
                "attempt books done 2",
                "queue books  1",
            ]
        );
        assert_eq!(figures[1].value.sum, 2 * time);
        assert_eq!(gatherer.take(now), (Vec::new(), Vec::new()));
    }

    #[test]
    fn refusals_are_counted_by_peer_and_minute() {
        let gatherer = Gatherer::default();
        let orders = source("orders");
        for (peer, at) in [
            ("10.0.0.1", 59),
            ("10.0.0.1", 60),
            ("10.0.0.1", 61),
            ("10.0.0.2", 61),
        ] {
            gatherer.refused(occurrence(&orders, peer, at));
        }

        let (_, mut refusals) = gatherer.take(Timestamp::from_unix_secs(61));
        refusals.sort_by_key(|refusal| (refusal.peer, refusal.first));
        let counts: Vec<_> = refusals
            .iter()
            .map(|refusal| (refusal.count, refusal.last.unix_secs()))
            .collect();
        assert_eq!(counts, [(1, 59), (2, 61), (1, 61)]);
    }

    #[test]
    fn peers_of_refusals_are_bounded() {
        let gatherer = Gatherer::default();
        let orders = source("orders");
        for peer in 0..REFUSALS_GATHERED_MAX + 10 {
            let peer = std::net::Ipv4Addr::from_bits(peer as u32).to_string();
            gatherer.refused(occurrence(&orders, &peer, 0));
        }
        gatherer.refused(occurrence(&orders, "0.0.0.0", 0));

        let (_, refusals) = gatherer.take(Timestamp::from_unix_secs(0));
        assert_eq!(refusals.len(), REFUSALS_GATHERED_MAX);
        let sum: u64 = refusals.iter().map(|refusal| refusal.count).sum();
        assert_eq!(sum, REFUSALS_GATHERED_MAX as u64 + 1);
    }
}
