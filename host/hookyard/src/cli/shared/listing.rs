//! How much of a list is shown, in which order and in which form.

use clap::Args;

/// Rows of a table, unless more are asked for.
const TABLE_ROWS: usize = 50;
/// What is listed before what arrives later, unless more is asked for.
const ROWS_BEFORE: usize = 10;

/// The form of a list.
#[derive(Debug, Args)]
pub(crate) struct Listing {
    /// No more than this many; 50 unless said, 10 with --follow, and all with --json
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
    /// The oldest first
    #[arg(long, conflicts_with = "follow")]
    pub(crate) oldest_first: bool,
    /// Go on until ended: list what arrives, and again what changes, the oldest first
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// One JSON object per line instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

impl Listing {
    /// How many are listed at most.
    pub(crate) fn limit(&self) -> usize {
        let unless_said = match (self.follow, self.json) {
            (true, _) => ROWS_BEFORE,
            (false, false) => TABLE_ROWS,
            (false, true) => usize::MAX,
        };
        self.limit.unwrap_or(unless_said)
    }

    /// Whether what is left out has to be told: nobody asked for the limit.
    pub(crate) fn tells_rest(&self) -> bool {
        self.limit.is_none() && !self.follow && !self.json
    }
}
