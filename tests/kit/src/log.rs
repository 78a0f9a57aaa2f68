//! The log of a host, line by line, and functions that wait for a line.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;
use tokio::sync::watch;

/// A line of the host's log.
#[derive(Debug, Clone)]
pub struct Line {
    /// The line as written.
    pub text: String,
    json: Value,
}

impl Line {
    fn new(text: String) -> Self {
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { text, json }
    }

    /// Returns a field of the line, wherever the JSON format has it.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.json
            .get("fields")
            .and_then(|fields| fields.get(name))
            .or_else(|| self.json.get(name))
    }

    /// Returns a field as text. Other JSON values appear in their JSON form, and a missing field is
    /// empty.
    pub fn text_of(&self, name: &str) -> String {
        match self.field(name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }

    /// Returns the line's message.
    pub fn message(&self) -> String {
        self.text_of("message")
    }

    /// Returns the guest's text if a guest wrote the line.
    pub fn guest_text(&self) -> String {
        self.message()
    }

    /// Returns the level, such as `INFO`.
    pub fn level(&self) -> String {
        self.text_of("level")
    }

    /// Returns the target, such as `hookyard::attempt`.
    pub fn target(&self) -> String {
        self.text_of("target")
    }
}

/// All lines that a host has written. Clones share them.
#[derive(Debug, Clone)]
pub struct Log {
    lines: Arc<Mutex<Vec<Line>>>,
    grown: watch::Sender<usize>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            lines: Arc::default(),
            grown: watch::Sender::new(0),
        }
    }
}

impl Log {
    pub(crate) fn push(&self, text: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(Line::new(text));
        self.grown.send_replace(lines.len());
    }

    /// Returns the number of lines, as a mark for later.
    pub fn mark(&self) -> usize {
        *self.grown.borrow()
    }

    /// Returns the lines after a mark.
    pub fn since(&self, mark: usize) -> Vec<Line> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.get(mark..).unwrap_or_default().to_vec()
    }

    /// Returns all lines.
    pub fn lines(&self) -> Vec<Line> {
        self.since(0)
    }

    /// Waits for a line after `mark`. `what` completes the text "waited for …".
    pub async fn wait_for(
        &self,
        mark: usize,
        what: &str,
        patience: Duration,
        wanted: impl Fn(&Line) -> bool,
    ) -> Result<Line> {
        let mut grown = self.grown.subscribe();
        let mut looked_at = mark;
        let found = tokio::time::timeout(patience, async {
            loop {
                grown.borrow_and_update();
                let news = self.since(looked_at);
                looked_at += news.len();
                if let Some(line) = news.into_iter().find(|line| wanted(line)) {
                    return Some(line);
                }
                grown.changed().await.ok()?;
            }
        });
        match found.await {
            Ok(Some(line)) => Ok(line),
            _ => bail!(
                "waited {} s for {what}; the host's log ends with\n{}",
                patience.as_secs(),
                self.tail(30)
            ),
        }
    }

    /// Waits until there are more lines than `mark`.
    pub async fn grown_past(&self, mark: usize) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.grown.subscribe().wait_for(|count| *count > mark).await;
    }

    /// Returns the last lines as text, for error messages.
    pub fn tail(&self, count: usize) -> String {
        let lines = self.lines();
        let from = lines.len().saturating_sub(count);
        lines[from..]
            .iter()
            .map(|line| format!("    {}\n", line.text))
            .collect()
    }
}
