//! A list of what is stored, a page at a time: what is there, and what arrives or changes later.

use std::collections::VecDeque;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use anyhow::Context;
use serde::Serialize;

use crate::cli::Failure;
use crate::cli::shared::listing::Listing;
use crate::output;

const PAGE: usize = 500;
/// How often a list that is followed asks for what is new.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Items whose changes are followed at once, the latest.
const FOLLOWED_MAX: usize = 1000;

/// What a list can be made of.
pub(crate) trait Store<T: Item> {
    /// What is meant, from `after` on, in the order that the list was asked for.
    async fn page(&self, after: Option<&T>, limit: usize) -> Result<Vec<T>, hookyard_store::Error>;

    /// All that came after `after`, also what isn't meant yet, the oldest first.
    async fn newer(&self, after: Option<&T>, limit: usize)
    -> Result<Vec<T>, hookyard_store::Error>;

    /// The last of all, also of what isn't meant yet, the newest first.
    async fn newest(&self, limit: usize) -> Result<Vec<T>, hookyard_store::Error>;

    /// These, as they stand now.
    async fn again(&self, items: &VecDeque<T>) -> Result<Vec<T>, hookyard_store::Error>;

    /// Whether it is meant, as it stands.
    fn means(&self, item: &T) -> bool;

    /// What is said where there is nothing to list.
    fn nothing(&self) -> &'static str;

    /// Writes some of the list. `is_first` holds for the first of it.
    fn write(&self, items: &[T], is_first: bool, out: &mut dyn Write) -> io::Result<()>;
}

/// An event or a message.
pub(crate) trait Item: Clone + PartialEq {
    /// Whether they are the same, however each stands.
    fn is_same(&self, other: &Self) -> bool;
}

/// Writes a list to standard output.
pub(crate) async fn write<T: Item>(
    store: &impl Store<T>,
    listing: &Listing,
) -> Result<(), Failure> {
    if listing.follow {
        return follow(store, listing.limit()).await;
    }

    let mut out = BufWriter::new(io::stdout().lock());
    let mut left = listing.limit();
    let mut last: Option<T> = None;
    while left > 0 {
        let found = store
            .page(last.as_ref(), left.min(PAGE))
            .await
            .context(UNREAD)?;
        let is_first = last.is_none();
        match found.last() {
            Some(one) => last = Some(one.clone()),
            None => break,
        }
        store
            .write(&found, is_first, &mut out)
            .map_err(Failure::Output)?;
        left -= found.len();
    }
    out.flush().map_err(Failure::Output)?;
    if last.is_none() && !listing.json && listing.limit() > 0 {
        output::error(store.nothing());
    }
    if left == 0
        && listing.tells_rest()
        && !store
            .page(last.as_ref(), 1)
            .await
            .context(UNREAD)?
            .is_empty()
    {
        output::error(format_args!(
            "there are more; --limit lists as many as you want"
        ));
    }
    Ok(())
}

const UNREAD: &str = "what is stored can't be read";

/// Writes the last `limit` of the list, then what arrives, and again what changes, until the process is ended.
async fn follow<T: Item>(store: &impl Store<T>, limit: usize) -> Result<(), Failure> {
    let newest = store.newest(FOLLOWED_MAX).await.context(UNREAD)?;
    let mut shown = store.page(None, limit).await.context(UNREAD)?;
    shown.reverse();
    put(store, &shown, true)?;
    let mut last = newest.first().cloned();
    let mut known: VecDeque<T> = newest.into_iter().rev().collect();
    let mut is_first = shown.is_empty();
    loop {
        tokio::time::sleep(ASK_EVERY).await;
        let mut news = Vec::new();
        for now in store.again(&known).await.context(UNREAD)? {
            if let Some(before) = known.iter_mut().find(|before| before.is_same(&now))
                && *before != now
            {
                *before = now.clone();
                news.push(now);
            }
        }
        let arrived = store.newer(last.as_ref(), PAGE).await.context(UNREAD)?;
        last = arrived.last().cloned().or(last);
        known.extend(arrived.iter().cloned());
        known.drain(..known.len().saturating_sub(FOLLOWED_MAX));
        news.extend(arrived);
        news.retain(|item| store.means(item) && !shown.contains(item));
        put(store, &news, is_first)?;
        is_first &= news.is_empty();
    }
}

fn put<T: Item>(store: &impl Store<T>, items: &[T], is_first: bool) -> Result<(), Failure> {
    if items.is_empty() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    store
        .write(items, is_first, &mut out)
        .and_then(|()| out.flush())
        .map_err(Failure::Output)
}

/// One JSON object on a line.
pub(crate) fn write_json(line: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
