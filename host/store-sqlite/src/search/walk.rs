//! Walks: the numbers of items in the order of a list, without the items.
//!
//! A walk merges streams. A stream is a range of an index in which the numbers are in order, so that
//! it is read in short stretches and goes on where it was left.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use hookyard_store::{Error, ListOrder};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use crate::codec::{self, store};
use crate::selection::Range;

/// The maximum number of streams of a walk. A walk over more of them would cost more than looking at
/// every item.
pub(super) const STREAMS_MAX: usize = 1_000;
/// The maximum number of items of a list that is not in order in its index.
pub(super) const LISTED_MAX: usize = 20_000;
/// The number of numbers that a stream reads at first.
const READ_MIN: usize = 8;
/// The maximum number of numbers that a stream reads at a time.
const READ_MAX: usize = 512;

/// A range of an index whose numbers are in order: what follows `SELECT`, without the bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    /// The column with the numbers.
    pub(super) number: &'static str,
    /// The table and the conditions, with a `?` for each value of a stream.
    pub(super) from: &'static str,
}

impl Source {
    /// Returns the statement for a stretch of the range. Its values are those of the stream, the two
    /// bounds and the limit.
    pub(super) fn statement(&self, order: ListOrder) -> String {
        let Self { number, from } = self;
        let direction = match order {
            ListOrder::OldestFirst => "ASC",
            ListOrder::NewestFirst => "DESC",
        };

        format!(
            "SELECT {number} FROM {from} AND {number} > ? AND {number} < ?
             ORDER BY {number} {direction} LIMIT ?"
        )
    }
}

/// A range of an index that is read part by part.
struct Stream {
    statement: String,
    values: Vec<Value>,
    /// The bounds of what is not read yet.
    after: i64,
    before: i64,
    read: VecDeque<i64>,
    /// How many numbers the next stretch has. There is no next stretch if it has none.
    stretch: usize,
}

/// The numbers of the items that may match, in the order of a list.
pub(super) struct Walk {
    order: ListOrder,
    after: i64,
    before: i64,
    streams: Vec<Stream>,
    /// The place of the next number of each stream that has one, the first place on top.
    heads: BinaryHeap<Reverse<(i64, usize)>>,
    is_begun: bool,
    /// The last number that was returned.
    last: Option<i64>,
}

impl Walk {
    /// Returns a walk without any streams.
    pub(super) fn new(range: &Range) -> Self {
        Self {
            order: range.order,
            after: range.after,
            before: range.before,
            streams: Vec::new(),
            heads: BinaryHeap::new(),
            is_begun: false,
            last: None,
        }
    }

    /// Adds a range of an index.
    pub(super) fn add(&mut self, source: Source, values: Vec<Value>) {
        self.streams.push(Stream {
            statement: source.statement(self.order),
            values,
            after: self.after,
            before: self.before,
            read: VecDeque::new(),
            stretch: READ_MIN,
        });
    }

    /// Adds numbers in any order.
    pub(super) fn add_list(&mut self, mut numbers: Vec<i64>) {
        let (after, before) = (self.after, self.before);
        numbers.retain(|number| *number > after && *number < before);
        numbers.sort_unstable_by_key(|number| self.place(*number));
        self.streams.push(Stream {
            statement: String::new(),
            values: Vec::new(),
            after,
            before,
            read: numbers.into(),
            stretch: 0,
        });
    }

    /// Returns whether the walk has more streams than a walk may have.
    pub(super) fn is_too_wide(&self) -> bool {
        self.streams.len() > STREAMS_MAX
    }

    /// Returns the next numbers, at most `count` of them, or none at the end.
    pub(super) fn next(
        &mut self,
        connection: &Connection,
        count: usize,
    ) -> Result<Vec<i64>, Error> {
        if !self.is_begun {
            self.is_begun = true;
            for stream in 0..self.streams.len() {
                self.put_head(connection, stream)?;
            }
        }

        let mut numbers = Vec::with_capacity(count);
        while numbers.len() < count
            && let Some(Reverse((place, stream))) = self.heads.pop()
        {
            let number = self.place(place);
            // An event with several jobs may be in several streams.
            if self.last.replace(number) != Some(number) {
                numbers.push(number);
            }
            self.put_head(connection, stream)?;
        }
        Ok(numbers)
    }

    /// Returns the place of a number in the order, or the number of a place.
    fn place(&self, number: i64) -> i64 {
        match self.order {
            ListOrder::OldestFirst => number,
            ListOrder::NewestFirst => -number,
        }
    }

    /// Puts the next number of a stream among the heads, if the stream has one.
    fn put_head(&mut self, connection: &Connection, index: usize) -> Result<(), Error> {
        let stream = &mut self.streams[index];
        if stream.read.is_empty() && stream.stretch > 0 {
            stream.read_on(connection, self.order)?;
        }
        if let Some(number) = stream.read.pop_front() {
            let place = self.place(number);
            self.heads.push(Reverse((place, index)));
        }
        Ok(())
    }
}

impl Stream {
    /// Reads the next stretch.
    fn read_on(&mut self, connection: &Connection, order: ListOrder) -> Result<(), Error> {
        let mut statement = connection.prepare_cached(&self.statement).map_err(store)?;
        let stretch = i64::try_from(self.stretch).unwrap_or(i64::MAX);
        let ends = [self.after, self.before, stretch].map(Value::from);
        let values = params_from_iter(self.values.iter().chain(&ends));
        let read = codec::read_all(&mut statement, values, |row| row.get(0).map_err(store))?;

        let is_last = read.len() < self.stretch;
        self.stretch = if is_last {
            0
        } else {
            (self.stretch * 2).min(READ_MAX)
        };
        if let Some(last) = read.last().copied() {
            match order {
                ListOrder::OldestFirst => self.after = last,
                ListOrder::NewestFirst => self.before = last,
            }
        }
        self.read = read.into();
        Ok(())
    }
}

/// Returns the values of a column that differ, at most `count` of them: each is found by a look-up
/// after the one before it. `next` selects the first value after `?`, the last of its values, and
/// has the `prefix` for its other values.
pub(super) fn distinct(
    connection: &Connection,
    next: &str,
    prefix: &[&str],
    count: usize,
) -> Result<Vec<String>, Error> {
    let mut statement = connection.prepare_cached(next).map_err(store)?;
    let mut found: Vec<String> = Vec::new();
    while found.len() < count {
        let after = found.last().map_or("", String::as_str);
        let values = params_from_iter(prefix.iter().copied().chain([after]));
        let value: Option<String> = statement
            .query_row(values, |row| row.get(0))
            .optional()
            .map_err(store)?;
        let Some(value) = value else { break };
        found.push(value);
    }

    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: Source = Source {
        number: "number",
        from: "numbers WHERE run = ?",
    };

    fn walk(order: ListOrder, after: i64, before: i64) -> Walk {
        Walk::new(&Range {
            after,
            before,
            order,
            limit: 0,
        })
    }

    /// Returns a database with the numbers from 1 to 100 in the runs 0, 1 and 2.
    fn database() -> Connection {
        let connection = Connection::open_in_memory().expect("a database");
        connection
            .execute_batch(
                "CREATE TABLE numbers (run INTEGER, number INTEGER, PRIMARY KEY (run, number));
                 INSERT INTO numbers SELECT value % 3, value FROM
                   (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n
                    WHERE value < 100) SELECT value FROM n)",
            )
            .expect("numbers");
        connection
    }

    fn all(connection: &Connection, mut walk: Walk) -> Vec<i64> {
        let mut all = Vec::new();
        loop {
            let next = walk.next(connection, 7).expect("numbers");
            assert!(next.len() <= 7);
            if next.is_empty() {
                return all;
            }
            all.extend(next);
        }
    }

    #[test]
    fn streams_are_merged_in_order() {
        let connection = database();
        for (order, expected) in [
            (ListOrder::OldestFirst, (11..90).collect::<Vec<_>>()),
            (ListOrder::NewestFirst, (11..90).rev().collect()),
        ] {
            let mut walk = walk(order, 10, 90);
            for run in 0..3 {
                walk.add(NUMBERS, vec![Value::from(run)]);
            }
            assert_eq!(all(&connection, walk), expected);
        }
    }

    #[test]
    fn number_of_several_streams_comes_once() {
        let connection = database();
        let mut walk = walk(ListOrder::NewestFirst, 0, i64::MAX);
        walk.add(NUMBERS, vec![Value::from(1)]);
        walk.add(NUMBERS, vec![Value::from(1)]);
        walk.add_list(vec![1, 4, 200, 2]);

        let mut expected: Vec<_> = (1..=100).filter(|number| number % 3 == 1).collect();
        expected.extend([2, 200]);
        expected.sort_by_key(|number| Reverse(*number));
        assert_eq!(all(&connection, walk), expected);
    }

    #[test]
    fn distinct_values_are_found_one_after_the_other() {
        let connection = database();
        connection
            .execute_batch(
                "CREATE TABLE words (word TEXT PRIMARY KEY); INSERT INTO words VALUES ('b'), ('a'), ('c')",
            )
            .expect("words");
        let next = "SELECT word FROM words WHERE word > ? ORDER BY word LIMIT 1";
        let words = |count| distinct(&connection, next, &[], count).expect("words");

        assert_eq!(words(9), ["a", "b", "c"]);
        assert_eq!(words(2), ["a", "b"]);
    }
}
