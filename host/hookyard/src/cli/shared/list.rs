//! Lists of stored items, read page by page: what is stored now, and what arrives or changes later.

use std::collections::VecDeque;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use hookyard_store::{Error, ListOrder, Page};
use hookyard_store_sqlite::SqliteStore;
use serde::Serialize;

use super::UNREADABLE;
use super::ids::shortened;
use super::item::Item;
use super::table::{terminal_width, write_table};
use crate::cli::Failure;
use crate::output;

/// The maximum number of items that are read at once.
const PAGE_MAX: usize = 500;
/// How often a list that is followed reads the store.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// The maximum number of items whose changes are followed. These are the latest items.
const FOLLOWED_MAX: usize = 1000;
/// The default number of rows of a table.
const TABLE_ROWS: usize = 50;
/// The default number of items that are listed before the ones that arrive later.
const FOLLOW_ROWS: usize = 10;

/// The options of every list.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ListOptions {
    /// The maximum number of items; the default is 50, or 10 with --follow, or all with --json
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
    /// List the oldest first
    #[arg(long, conflicts_with = "follow")]
    oldest_first: bool,
    /// Keep running: list items as they arrive or change, oldest first
    #[arg(long, short)]
    follow: bool,
    /// Print one JSON object per line instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

impl ListOptions {
    fn limit(&self) -> usize {
        let default = match (self.follow, self.json) {
            (true, _) => FOLLOW_ROWS,
            (false, false) => TABLE_ROWS,
            (false, true) => usize::MAX,
        };
        self.limit.unwrap_or(default)
    }

    /// Returns whether to say that items were left out: nobody asked for the limit.
    fn reports_rest(&self) -> bool {
        self.limit.is_none() && !self.follow && !self.json
    }

    fn order(&self) -> ListOrder {
        if self.oldest_first {
            ListOrder::OldestFirst
        } else {
            ListOrder::NewestFirst
        }
    }
}

/// The output format of a list.
pub(crate) trait Format<T> {
    /// The header of the table.
    const HEADER: [&'static str; 6];

    /// Returns the row of an item. The row begins with `id`, which may be shortened.
    fn row(&self, id: String, item: &T) -> [String; 6];

    /// Writes an item as one line of JSON, with [`write_json`].
    fn write_json(&self, item: &T, out: &mut dyn Write) -> io::Result<()>;
}

/// Writes one JSON object on one line.
pub(crate) fn write_json(object: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, object)?;
    out.write_all(b"\n")
}

/// A list of the items that a selection matches.
pub(crate) struct List<'s, T: Item, F> {
    pub(crate) store: &'s SqliteStore,
    pub(crate) selection: &'s T::Selection,
    pub(crate) format: &'s F,
    pub(crate) options: ListOptions,
}

impl<T: Item, F: Format<T>> List<'_, T, F> {
    /// Writes the list to standard output. With `--follow`, this continues until the process ends.
    pub(crate) async fn write(&self) -> Result<(), Failure> {
        if self.options.follow {
            return self.follow().await;
        }

        let mut out = BufWriter::new(io::stdout().lock());
        let mut rest = self.options.limit();
        let mut last = None;
        while rest > 0 {
            let items = self.page(last, rest.min(PAGE_MAX)).await?;
            let Some(item) = items.last() else {
                break;
            };
            self.write_items(&items, last.is_none(), &mut out)?;
            last = Some(item.id());
            rest -= items.len();
        }
        out.flush().map_err(Failure::Output)?;

        if last.is_none() && !self.options.json && self.options.limit() > 0 {
            output::error(format_args!("no {} matches", T::NOUN));
        }
        if rest == 0 && self.options.reports_rest() && !self.page(last, 1).await?.is_empty() {
            output::error("the list is cut off; use --limit to list more");
        }
        Ok(())
    }

    /// Writes the last items of the list, then each item that arrives or changes.
    async fn follow(&self) -> Result<(), Failure> {
        let newest = Page::last(self.any_progress(), FOLLOWED_MAX);
        let newest = self.read(newest).await?;
        let mut shown = self.page(None, self.options.limit()).await?;
        shown.reverse();
        self.write_now(&shown, true)?;

        // All items are followed, also those that do not match now: they may match later.
        let mut last = newest.first().map(T::id);
        let mut known: VecDeque<T> = newest.into_iter().rev().collect();
        let mut is_first = shown.is_empty();
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;

            let mut news = self.update(&mut known).await?;
            let arrived = Page {
                after: last,
                ..Page::first(self.any_progress(), PAGE_MAX)
            };
            let arrived = self.read(arrived).await?;
            last = arrived.last().map(T::id).or(last);
            known.extend(arrived.iter().cloned());
            known.drain(..known.len().saturating_sub(FOLLOWED_MAX));

            news.extend(arrived);
            news.retain(|item| item.matches_progress(self.selection) && !shown.contains(item));
            self.write_now(&news, is_first)?;
            is_first &= news.is_empty();
        }
    }

    /// Reads the known items again. Returns the ones that changed.
    async fn update(&self, known: &mut VecDeque<T>) -> Result<Vec<T>, Failure> {
        if known.is_empty() {
            return Ok(Vec::new());
        }

        let ids = known.iter().map(T::id).collect();
        let mut changed = Vec::new();
        for item in self
            .read(Page::first(T::with_ids(ids), known.len()))
            .await?
        {
            let before = known.iter_mut().find(|before| before.id() == item.id());
            if let Some(before) = before
                && *before != item
            {
                *before = item.clone();
                changed.push(item);
            }
        }
        Ok(changed)
    }

    /// Returns the selection of the items that match now or may match later.
    fn any_progress(&self) -> T::Selection {
        T::without_progress(self.selection.clone())
    }

    /// Reads items in the order of the list.
    async fn page(&self, after: Option<T::Id>, limit: usize) -> Result<Vec<T>, Failure> {
        self.read(Page {
            selection: self.selection.clone(),
            order: self.options.order(),
            after,
            limit,
        })
        .await
    }

    async fn read(&self, page: Page<T::Selection, T::Id>) -> Result<Vec<T>, Failure> {
        let items: Result<_, Error> = T::page(self.store, page).await;
        Ok(items.context(UNREADABLE)?)
    }

    /// Writes items and flushes them, so that a reader sees them at once.
    fn write_now(&self, items: &[T], is_first: bool) -> Result<(), Failure> {
        if items.is_empty() {
            return Ok(());
        }

        let mut out = io::stdout().lock();
        self.write_items(items, is_first, &mut out)?;
        out.flush().map_err(Failure::Output)
    }

    /// Writes items, with the header of the table before the first ones.
    fn write_items(&self, items: &[T], is_first: bool, out: &mut dyn Write) -> Result<(), Failure> {
        if self.options.json {
            return items
                .iter()
                .try_for_each(|item| self.format.write_json(item, out))
                .map_err(Failure::Output);
        }

        // A file or a pipe gets whole ids, because a program may read them.
        let width_max = terminal_width();
        let mut ids: Vec<_> = items.iter().map(|item| item.id().to_string()).collect();
        if width_max.is_some() {
            ids = shortened(&ids);
        }
        let rows = ids.into_iter().zip(items);
        let rows = rows.map(|(id, item)| self.format.row(id, item));
        write_table(is_first.then_some(F::HEADER), rows, width_max, out).map_err(Failure::Output)
    }
}
