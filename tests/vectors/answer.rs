//! An answer of ingress, and the answer that a case expects.

use serde_json::Value;

use crate::case::Respond;

/// An answer, as received.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads the head of an answer.
    pub(crate) fn of_head(head: &str) -> Self {
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let header = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        };
        Self {
            status: status.and_then(|status| status.parse().ok()).unwrap_or(0),
            headers: lines.filter_map(header).collect(),
            body: Vec::new(),
        }
    }

    pub(crate) const fn is_success(&self) -> bool {
        matches!(self.status, 200..300)
    }

    /// Returns the value of a header, whose name is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Compares the answer with what a case expects. Returns the first difference.
    pub(crate) fn compare(&self, expected: &Respond) -> Result<(), String> {
        let same = |what: &str, found: &str, wanted: &str| {
            if found == wanted {
                return Ok(());
            }
            Err(format!("the {what} is {found:?}, and not {wanted:?}"))
        };
        let text = String::from_utf8_lossy(&self.body);
        let header = |name: &str| self.header(&name.to_ascii_lowercase()).unwrap_or_default();

        same(
            "status",
            &self.status.to_string(),
            &expected.status.to_string(),
        )?;
        if let Some(body) = &expected.body {
            same("body", &text, body)?;
        }
        if let Some(json) = &expected.json {
            let found: Value = serde_json::from_str(&text).unwrap_or_default();
            same("JSON", &found.to_string(), &json.to_string())?;
            same("content type", header("content-type"), "application/json")?;
        }
        if let Some(media_type) = &expected.content_type {
            let found = header("content-type").split(';').next().unwrap_or_default();
            same("content type", found, media_type)?;
        }
        for (name, value) in &expected.headers {
            same(name, header(name), value)?;
        }
        Ok(())
    }
}
