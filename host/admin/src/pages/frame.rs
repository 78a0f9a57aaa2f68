//! The frame of a page: the bar on top, and the notice after a change.

use super::shown::Written;
use crate::Shared;
use crate::access::Viewer;

/// The pages that the bar on top names, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Live,
    Plugins,
    Sources,
    Deliveries,
    Audit,
}

impl Section {
    const ALL: [Self; 5] = [
        Self::Live,
        Self::Plugins,
        Self::Sources,
        Self::Deliveries,
        Self::Audit,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Live => "Live",
            Self::Plugins => "Plugins",
            Self::Sources => "Sources",
            Self::Deliveries => "Deliveries",
            Self::Audit => "Audit",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Live => "/",
            Self::Plugins => "/plugins",
            Self::Sources => "/sources",
            Self::Deliveries => "/deliveries",
            Self::Audit => "/audit",
        }
    }
}

/// A link of the bar on top.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) is_here: bool,
}

/// What every page has around its content.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// The title of the browser's tab. The template escapes it.
    pub(crate) title: String,
    /// The section that the page belongs to.
    here: Section,
    /// Whether a cookie signs the viewer in, so that signing out means something.
    pub(crate) has_session: bool,
    /// The name and the role of the viewer.
    pub(crate) who: Written,
    /// Whether nobody may change anything on the pages.
    pub(crate) is_read_only: bool,
    /// Whether the viewer may change things, so that the page has buttons for it.
    pub(crate) can_act: bool,
    /// Whether the page follows what happens on the host.
    pub(crate) is_live: bool,
    /// What the last change did.
    pub(crate) notice: Option<Notice>,
    /// The time of the answer, such as `2026-06-02T11:36:40.250Z`.
    pub(crate) now: String,
}

/// A sentence beside the content of a page.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    /// The class of the note: `good`, `warn` or `bad`.
    pub(crate) tone: &'static str,
    pub(crate) text: String,
}

impl Frame {
    /// Returns the frame of a page that does not change while it is shown.
    pub(crate) fn still(shared: &Shared, viewer: &Viewer, title: String, here: Section) -> Self {
        Self {
            title,
            here,
            has_session: viewer.has_session,
            who: Written::short(&format!("{} ({})", viewer.author.name, viewer.author.role)),
            is_read_only: shared.access.is_read_only(),
            can_act: shared.access.may_change(viewer),
            is_live: false,
            notice: None,
            now: shared.clock.now().to_string(),
        }
    }

    /// Returns the frame of a page that follows what happens on the host.
    pub(crate) fn live(shared: &Shared, viewer: &Viewer, title: String, here: Section) -> Self {
        Self {
            is_live: true,
            ..Self::still(shared, viewer, title, here)
        }
    }

    /// Adds the notice with this name, which the address of the page has after a change.
    pub(crate) fn with_notice(self, done: Option<&str>) -> Self {
        let text = match done {
            Some("rollback") => "The plugin is rolled back.",
            Some("pin") => "The plugin is pinned.",
            Some("unpin") => "The pin is ended.",
            Some("clear") => "The quarantine and the blocks are ended.",
            Some("enable") => "The destination is enabled; its messages will be delivered.",
            Some("events") => "The selected events run again.",
            Some("messages") => "The selected messages are sent again.",
            _ => return self,
        };
        let notice = Notice {
            tone: "good",
            text: text.to_owned(),
        };
        Self {
            notice: Some(notice),
            ..self
        }
    }

    /// Returns the links of the bar on top.
    pub(crate) fn places(&self) -> Vec<Place> {
        let places = Section::ALL.iter().map(|section| Place {
            name: section.name(),
            path: section.path(),
            is_here: *section == self.here,
        });
        places.collect()
    }
}
