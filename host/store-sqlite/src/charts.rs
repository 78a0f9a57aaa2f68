//! The figures of the charts.

use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{TenantName, Timestamp};
use hookyard_store::{
    Chart, Charts, Error, Figure, FigureValue, Hint, OTHER_SERIES, Resolution,
    SERIES_OF_TENANT_MAX, Series, SeriesKind, Tenants, Times,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::codec::{self, corrupt, parsed, store};
use crate::write::Database;
use crate::writer::{Durability, Terms};
use crate::{SqliteStore, values_of};

const SERIES_ID: &str =
    "SELECT id FROM series WHERE tenant = ?1 AND kind = ?2 AND name = ?3 AND code = ?4";
const SERIES_COUNT: &str = "SELECT count(*) FROM series WHERE tenant = ?1";
const SERIES_INSERT: &str =
    "INSERT INTO series (tenant, kind, name, code, last_at) VALUES (?1, ?2, ?3, ?4, ?5)";
const SERIES_USED: &str = "UPDATE series SET last_at = ?2 WHERE id = ?1 AND last_at < ?2";
/// Removes the series whose figures are all too old, with their figures.
const SERIES_FORGET: &str = "DELETE FROM series WHERE last_at < ?1";
const FIGURE: &str = "
    SELECT count, sum_us, max_us, times FROM figure
    WHERE series = ?1 AND resolution = ?2 AND at = ?3";
const FIGURE_PUT: &str = "
    INSERT OR REPLACE INTO figure (series, resolution, at, count, sum_us, max_us, times)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const FIGURES_FORGET: &str = "DELETE FROM figure WHERE series = ?1 AND resolution = ?2 AND at < ?3";
const LIST: &str = "
    SELECT figure.count, figure.sum_us, figure.max_us, figure.times, figure.at,
      series.tenant, series.kind, series.name, series.code
    FROM series CROSS JOIN figure ON figure.series = series.id
    WHERE (?1 IS NULL OR series.tenant IN (SELECT value FROM json_each(?1)))
      AND (?2 IS NULL OR series.kind = ?2) AND (?3 IS NULL OR series.name = ?3)
      AND figure.resolution = ?4 AND figure.at >= ?5 AND figure.at < ?6";

#[async_trait]
impl Charts for SqliteStore {
    async fn add_figures(&self, figures: Vec<Figure>) -> Result<(), Error> {
        self.writer()?
            .call(Terms::batch(Durability::Unsynced), move |database| {
                database.add_figures(&figures)
            })
            .await
    }

    async fn figures(&self, chart: Chart, tenants: &Tenants) -> Result<Vec<Figure>, Error> {
        let tenants = tenants.filtered(chart.tenant.as_ref());
        let oldest = oldest(chart.resolution, self.clock.now());
        self.readers
            .read(move |connection| figures(connection, &chart, &tenants, oldest))
            .await
    }
}

/// Returns the beginning of the oldest step that is kept.
fn oldest(resolution: Resolution, now: Timestamp) -> Timestamp {
    resolution.begin(now.before(resolution.kept()))
}

/// Returns a resolution in the database: the length of a step in seconds.
fn seconds(resolution: Resolution) -> i64 {
    resolution.step().as_secs().cast_signed()
}

impl Database {
    fn add_figures(&mut self, figures: &[Figure]) -> Result<(), Error> {
        for Figure { series, at, value } in figures {
            let series = self.series(series, *at)?;
            for resolution in Resolution::ALL {
                self.add_figure(series, resolution, *at, value)?;
            }
        }

        let oldest = oldest(Resolution::Quarter, self.now());
        self.execute(SERIES_FORGET, params![oldest.unix_millis()])?;
        self.hint(|| Hint::Figures);
        Ok(())
    }

    /// Returns the number of the series that takes the figures of a series.
    fn series(&self, series: &Series, at: Timestamp) -> Result<i64, Error> {
        let known = match self.known_series(series)? {
            Some(id) => id,
            None if self.has_room(&series.tenant)? => self.insert_series(series, at)?,
            None => {
                let others = Series {
                    name: OTHER_SERIES.to_owned(),
                    code: String::new(),
                    ..series.clone()
                };
                match self.known_series(&others)? {
                    Some(id) => id,
                    None => self.insert_series(&others, at)?,
                }
            }
        };

        self.execute(SERIES_USED, params![known, at.unix_millis()])?;
        Ok(known)
    }

    fn known_series(&self, series: &Series) -> Result<Option<i64>, Error> {
        let Series {
            tenant,
            kind,
            name,
            code,
        } = series;
        self.connection
            .prepare_cached(SERIES_ID)
            .and_then(|mut statement| {
                statement
                    .query_row(params![tenant.as_str(), kind.name(), name, code], |row| {
                        row.get(0)
                    })
                    .optional()
            })
            .map_err(store)
    }

    /// Returns whether a tenant may have one more series next to those of the others.
    fn has_room(&self, tenant: &TenantName) -> Result<bool, Error> {
        let count: i64 = self
            .connection
            .prepare_cached(SERIES_COUNT)
            .and_then(|mut statement| statement.query_row([tenant.as_str()], |row| row.get(0)))
            .map_err(store)?;

        Ok(count < (SERIES_OF_TENANT_MAX - SeriesKind::ALL.len()) as i64)
    }

    fn insert_series(&self, series: &Series, at: Timestamp) -> Result<i64, Error> {
        let values = params![
            series.tenant.as_str(),
            series.kind.name(),
            series.name,
            series.code,
            at.unix_millis()
        ];
        self.execute(SERIES_INSERT, values)?;

        Ok(self.connection.last_insert_rowid())
    }

    fn add_figure(
        &self,
        series: i64,
        resolution: Resolution,
        at: Timestamp,
        added: &FigureValue,
    ) -> Result<(), Error> {
        let (step, seconds) = (resolution.begin(at).unix_millis(), seconds(resolution));
        let mut statement = self.connection.prepare_cached(FIGURE).map_err(store)?;
        let known = codec::read_all(&mut statement, params![series, seconds, step], value)?;
        let mut sum = known.first().copied().unwrap_or_default();
        sum.merge(added);

        let values = params![
            series,
            seconds,
            step,
            i64::try_from(sum.count).unwrap_or(i64::MAX),
            micros(sum.sum),
            micros(sum.max),
            times_to_blob(&sum.times),
        ];
        self.execute(FIGURE_PUT, values)?;
        let oldest = oldest(resolution, self.now()).unix_millis();
        self.execute(FIGURES_FORGET, params![series, seconds, oldest])
            .map(drop)
    }
}

fn figures(
    connection: &Connection,
    chart: &Chart,
    tenants: &Tenants,
    oldest: Timestamp,
) -> Result<Vec<Figure>, Error> {
    let from = chart.resolution.begin(chart.from).max(oldest);
    let values = params![
        values_of(tenants),
        chart.kind.map(SeriesKind::name),
        chart.name,
        seconds(chart.resolution),
        from.unix_millis(),
        chart.until.unix_millis(),
    ];
    let mut statement = connection.prepare_cached(LIST).map_err(store)?;
    let mut figures = codec::read_all(&mut statement, values, figure)?;
    figures.sort_by(|one, other| (&one.series, one.at).cmp(&(&other.series, other.at)));

    Ok(figures)
}

fn figure(row: &Row<'_>) -> Result<Figure, Error> {
    let text = |column: usize| row.get::<_, String>(column).map_err(store);
    let kind = SeriesKind::from_name(&text(6)?).ok_or_else(|| corrupt("the kind of a series"))?;

    Ok(Figure {
        series: Series {
            tenant: parsed(&text(5)?, "the tenant of a series")?,
            kind,
            name: text(7)?,
            code: text(8)?,
        },
        at: Timestamp::from_unix_millis(row.get(4).map_err(store)?),
        value: value(row)?,
    })
}

/// Reads the first four columns.
fn value(row: &Row<'_>) -> Result<FigureValue, Error> {
    let number = |column: usize| {
        let number = row.get::<_, i64>(column).map_err(store)?;
        Ok::<_, Error>(number.unsigned_abs())
    };
    let times: Vec<u8> = row.get(3).map_err(store)?;

    Ok(FigureValue {
        count: number(0)?,
        sum: Duration::from_micros(number(1)?),
        max: Duration::from_micros(number(2)?),
        times: times_from_blob(&times)?,
    })
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Returns the buckets that have times: for each its number in one byte, and its count in eight
/// bytes, in little-endian order.
fn times_to_blob(times: &Times) -> Vec<u8> {
    let buckets = (0_u8..).zip(times.0).filter(|(_, count)| *count > 0);

    buckets
        .flat_map(|(bucket, count)| std::iter::once(bucket).chain(count.to_le_bytes()))
        .collect()
}

fn times_from_blob(blob: &[u8]) -> Result<Times, Error> {
    let unreadable = || corrupt("the times of a figure");
    let (buckets, rest) = blob.as_chunks::<9>();
    if !rest.is_empty() {
        return Err(unreadable());
    }

    let mut times = Times::default();
    for [bucket, count @ ..] in buckets {
        let place = times.0.get_mut(usize::from(*bucket));
        *place.ok_or_else(unreadable)? = u64::from_le_bytes(*count);
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        let of_step = "PRIMARY KEY (series=? AND resolution=? AND at";
        query_plans::check(&[
            (
                "charts: a series",
                SERIES_ID,
                &["(tenant=? AND kind=? AND name=? AND code=?)"],
            ),
            ("charts: its count", SERIES_COUNT, &["(tenant=?)"]),
            ("charts: read", FIGURE, &[of_step]),
            ("charts: put", FIGURE_PUT, &[]),
            ("charts: forget", FIGURES_FORGET, &[of_step]),
            ("charts: used", SERIES_USED, &["PRIMARY KEY (rowid=?)"]),
        ]);
        let steps = query_plans::of(LIST).concat();
        assert!(steps.contains("PRIMARY KEY (series=? AND resolution=? AND at>? AND at<?)"));
    }

    #[test]
    fn times_round_trip() {
        let mut times = Times::default();
        times.observe(Duration::ZERO);
        times.observe(Duration::from_secs(9999));
        times.observe(Duration::from_secs(9999));

        let blob = times_to_blob(&times);
        assert_eq!(blob.len(), 18);
        assert_eq!(times_from_blob(&blob).expect("what was written"), times);
        assert!(times_from_blob(&blob[..17]).is_err());
        assert!(times_from_blob(&[20, 1, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }
}
