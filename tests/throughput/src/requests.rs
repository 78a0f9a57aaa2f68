//! Requests that are signed before a measurement begins, each with an id of its own.
//!
//! All requests share the body of one order. Only the order's id differs, so a request consists of
//! its head, the body up to the id, the id, and the rest of the body.

use std::fmt::Write;
use std::io::IoSlice;
use std::ops::Range;

use anyhow::{Context, Result};
use hookyard_testkit::samples;
use uuid::Uuid;

use crate::order::{self, Secret};

/// The field with which the sender, and the host, recognize a repeated order.
const ID: &str = "\"event_id\":\"";
/// The field that makes a body larger.
const COMPANY: &str = "\"company_name\":\"";

/// The body of all requests, around the id.
pub(crate) struct Body {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Body {
    /// Returns the sample order, 1,408 bytes.
    pub(crate) fn sample() -> Result<Self> {
        Self::of(&samples::one("topi-saas", "offer-accepted-by-user")?.body)
    }

    /// Returns the sample order with a longer name of the customer, so that the body has this many
    /// bytes. A smaller size than that of the sample has no effect.
    pub(crate) fn sized(bytes: usize) -> Result<Self> {
        let body = samples::one("topi-saas", "offer-accepted-by-user")?.body;
        let missing = bytes.saturating_sub(body.len());
        let name = format!("{COMPANY}{}", "x".repeat(missing));
        Self::of(&body.replacen(COMPANY, &name, 1))
    }

    fn of(body: &str) -> Result<Self> {
        let id = body.find(ID).context("the sample has no event_id")? + ID.len();
        let end = id + Uuid::nil().hyphenated().to_string().len();
        Ok(Self {
            before: body.as_bytes()[..id].to_owned(),
            after: body.as_bytes()[end..].to_owned(),
        })
    }

    fn length(&self) -> usize {
        self.before.len() + Uuid::nil().hyphenated().to_string().len() + self.after.len()
    }
}

/// What the requests of a measurement have in common.
pub(crate) struct Template<'a> {
    pub(crate) body: &'a Body,
    pub(crate) secret: &'a str,
    /// The paths, used in turn.
    pub(crate) paths: &'a [String],
    /// Whether the signatures are valid.
    pub(crate) is_genuine: bool,
}

/// Signed requests.
pub(crate) struct Requests<'a> {
    body: &'a Body,
    heads: String,
    places: Vec<Place>,
}

/// Where the head and the id of a request are.
struct Place {
    head: Range<usize>,
    id: Range<usize>,
}

impl<'a> Requests<'a> {
    /// Signs this many requests now.
    pub(crate) fn sign(template: &Template<'a>, count: usize) -> Result<Self> {
        let secret = Secret::new(template.secret)?;
        let mut requests = Self {
            body: template.body,
            heads: String::with_capacity(count * 300),
            places: Vec::with_capacity(count),
        };
        let timestamp = order::now().to_string();
        for path in template.paths.iter().cycle().take(count) {
            requests.push(path, &timestamp, &secret)?;
        }
        if !template.is_genuine {
            requests.forge();
        }
        Ok(requests)
    }

    fn push(&mut self, path: &str, timestamp: &str, secret: &Secret) -> Result<()> {
        // Ordered by time, as the ids of most senders are.
        let id = Uuid::now_v7().hyphenated().to_string();
        let Body { before, after } = self.body;
        let message = format!("msg_{id}");
        let signature = secret.sign(&message, timestamp, &[before, id.as_bytes(), after]);

        let start = self.heads.len();
        write!(
            self.heads,
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nsvix-id: ",
            self.body.length()
        )?;
        let id_start = self.heads.len() + "msg_".len();
        let id_end = id_start + id.len();
        write!(
            self.heads,
            "{message}\r\nsvix-timestamp: {timestamp}\r\nsvix-signature: v1,{signature}\r\n\r\n"
        )?;
        self.places.push(Place {
            head: start..self.heads.len(),
            id: id_start..id_end,
        });
        Ok(())
    }

    /// Makes every signature invalid.
    fn forge(&mut self) {
        let genuine = "svix-signature: v1,";
        let mut texts = self.heads.split(genuine);
        let mut forged = texts.next().unwrap_or_default().to_owned();
        for text in texts {
            forged.push_str(genuine);
            // The first character of a signature encodes six bits, so every other character is wrong.
            forged.push(if text.starts_with('A') { 'B' } else { 'A' });
            forged.push_str(&text[1..]);
        }
        self.heads = forged;
    }

    /// Returns the number of requests.
    pub(crate) fn count(&self) -> usize {
        self.places.len()
    }

    /// Returns the parts of a request, without the first `sent` bytes.
    pub(crate) fn parts(&self, number: usize, sent: usize) -> [IoSlice<'_>; 4] {
        let Place { head, id } = &self.places[number];
        let heads = self.heads.as_bytes();
        let parts: [&[u8]; 4] = [
            &heads[head.clone()],
            &self.body.before,
            &heads[id.clone()],
            &self.body.after,
        ];
        let mut sent = sent;
        parts.map(|part| {
            let skipped = sent.min(part.len());
            sent -= skipped;
            IoSlice::new(&part[skipped..])
        })
    }

    /// Returns the number of bytes of a request.
    pub(crate) fn length(&self, number: usize) -> usize {
        self.places[number].head.len() + self.body.length()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(requests: &Requests<'_>, number: usize, sent: usize) -> String {
        let parts = requests.parts(number, sent);
        String::from_utf8(parts.iter().flat_map(|part| part.to_vec()).collect())
            .expect("requests are text")
    }

    fn template(body: &Body, is_genuine: bool) -> Template<'_> {
        static PATHS: [String; 1] = [String::new()];
        Template {
            body,
            secret: "whsec_c2VjcmV0",
            paths: &PATHS,
            is_genuine,
        }
    }

    #[test]
    fn requests_have_different_ids() {
        let body = Body::sample().expect("the sample is in the repository");
        assert_eq!(body.length(), 1408);
        let requests = Requests::sign(&template(&body, true), 2).expect("requests");
        let (one, two) = (text(&requests, 0, 0), text(&requests, 1, 0));
        assert_eq!(one.len(), requests.length(0));
        assert_eq!(one.len(), two.len());
        assert_ne!(one[one.len() - 1408..], two[two.len() - 1408..]);
        assert_eq!(text(&requests, 1, 500), two[500..]);
    }

    #[test]
    fn sized_body_has_its_size() {
        let body = Body::sized(10_000).expect("the sample is in the repository");
        assert_eq!(body.length(), 10_000);
        let requests = Requests::sign(&template(&body, true), 1).expect("requests");
        let whole = text(&requests, 0, 0);
        assert!(order::check(&whole.as_bytes()[whole.len() - 10_000..]).is_some());
    }

    #[test]
    fn forged_requests_keep_their_length() {
        let body = Body::sample().expect("the sample is in the repository");
        let requests = Requests::sign(&template(&body, false), 3).expect("requests");
        let whole = text(&requests, 2, 0);
        assert_eq!(whole.len(), requests.length(2));
        assert!(whole.contains("svix-signature: v1,A") || whole.contains("svix-signature: v1,B"));
    }
}
