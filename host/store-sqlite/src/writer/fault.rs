//! The reasons for which a whole group is not committed.

use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::file_check::FileFault;

/// The reason for which a whole group was not committed. Every caller of the group gets it.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Fault {
    #[error("the transaction was rolled back")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    #[error("the commit failed, and may still be found after a restart")]
    Commit(#[source] Arc<rusqlite::Error>),
    #[error("the files of the store are not where the host opened them")]
    Files(#[source] FileFault),
    #[error("the files of the store were moved during the commit")]
    FilesMoved(#[source] FileFault),
}

impl Fault {
    pub(super) fn of_commit(error: rusqlite::Error) -> Self {
        // The log may have the whole transaction, although it could not be synced.
        if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
            Self::Commit(Arc::new(error))
        } else {
            error.into()
        }
    }

    /// Returns whether the group may be found in the database later.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Commit(_) | Self::FilesMoved(_))
    }

    pub(super) fn sqlite_error(&self) -> Option<&rusqlite::Error> {
        match self {
            Self::Sqlite(error) | Self::Commit(error) => Some(error),
            Self::Files(_) | Self::FilesMoved(_) => None,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}
