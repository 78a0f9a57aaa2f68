//! Timestamps in RFC 3339 and UTC, as Topper writes them: `2026-05-19T12:10:00.860Z`.

/// Returns the milliseconds since 1970, or `None` if the text is not such a timestamp.
pub fn parse(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':')?;
    let possible = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    let thousandths: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    possible.then(|| {
        (((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000 + thousandths
    })
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text
        .split(separator)
        .map(|part| part.parse::<u16>().ok().map(i64::from));
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// Returns the days since 1970-01-01 in the Gregorian calendar. The calculation lets the year begin
/// in March, so that a leap day is the last day of the year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn utc_timestamps_are_read() {
        let check =
            |text: &str, expected: Option<i64>| assert_eq!(parse(text), expected, "{text:?}");
        check("1970-01-01T00:00:00Z", Some(0));
        check("2000-02-29T12:00:00.5Z", Some(951_825_600_500));
        check("2026-05-19T12:10:00.860Z", Some(1_779_192_600_860));
        check("2026-05-19T12:10:00.860123Z", Some(1_779_192_600_860));
        for nonsense in [
            "",
            "2026-05-19",
            "2026-05-19T12:10:00+02:00",
            "2026-13-01T00:00:00Z",
            "2026-05-19T24:00:00Z",
        ] {
            check(nonsense, None);
        }
    }
}
