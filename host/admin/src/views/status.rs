//! The state of a job or message.

use hookyard_model::WorkState;
use hookyard_store::Predecessor;
use serde::Serialize;
use utoipa::ToSchema;

/// The state of a job or message, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Status {
    /// `pending`, `leased`, `waiting`, `done`, `dead`, `held` or `discarded`.
    pub state: &'static str,
    /// The end of the lease or of the wait.
    pub until: Option<String>,
    /// The item of the same ordering key that must be over first.
    pub behind: Option<Behind>,
}

/// An unfinished item that comes first by the ordering key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Behind {
    /// The id of the event or message.
    pub id: String,
    /// The state of the item.
    pub state: &'static str,
    /// The end of the lease or of the wait of the item.
    pub until: Option<String>,
}

impl Status {
    /// Returns the status of a job or message.
    pub fn of<Id: ToString>(state: WorkState, behind: Option<&Predecessor<Id>>) -> Self {
        Self {
            state: state.name(),
            until: until(state),
            behind: behind.map(|predecessor| Behind {
                id: predecessor.id.to_string(),
                state: predecessor.state.name(),
                until: until(predecessor.state),
            }),
        }
    }
}

fn until(state: WorkState) -> Option<String> {
    match state {
        WorkState::Leased { until } | WorkState::Waiting { until } => Some(until.to_string()),
        WorkState::Pending
        | WorkState::Done
        | WorkState::Dead
        | WorkState::Held
        | WorkState::Discarded => None,
    }
}
