//! The samples of a provider: one body for each of its events.

use bytes::Bytes;
use hookyard_config::document::unknown;
use hookyard_model::Header;
use hookyard_schemes::{Direction, Provider};

/// The body of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The name of the file without its ending, which is usually the name of the case.
    pub name: String,
    /// The type of the event, if the name is that of a case.
    pub event_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the body is a form and not JSON.
    pub is_form: bool,
}

impl Sample {
    /// Returns a sample of a provider.
    pub fn new(provider: &Provider, name: String, body: Vec<u8>, is_form: bool) -> Self {
        Self {
            event_type: event_type(provider, &name),
            name,
            body,
            is_form,
        }
    }

    /// Returns the headers of the body: its media type, unless it is JSON.
    pub fn headers(&self) -> Vec<Header> {
        let form = Header {
            name: "content-type".to_owned(),
            value: Bytes::from_static(b"application/x-www-form-urlencoded"),
        };
        self.is_form.then_some(form).into_iter().collect()
    }
}

fn event_type(provider: &Provider, case: &str) -> Option<String> {
    let mut events = provider.events.iter();
    let found =
        events.find(|(_, event)| event.case == case && event.direction == Direction::Incoming);
    found.map(|(event_type, _)| event_type.clone())
}

/// Returns the sample with this name, case or event type. Without a name, returns the first.
///
/// # Errors
///
/// Returns the reason, with the most similar name, if there is no such sample.
pub fn choose<'s>(samples: &'s [Sample], name: Option<&str>) -> Result<&'s Sample, String> {
    let Some(name) = name else {
        return samples
            .first()
            .ok_or_else(|| "the provider has no samples; give a body with --body".to_owned());
    };

    let is_named =
        |sample: &&Sample| sample.name == name || sample.event_type.as_deref() == Some(name);
    samples.iter().find(is_named).ok_or_else(|| {
        let names = samples
            .iter()
            .flat_map(|sample| [Some(sample.name.as_str()), sample.event_type.as_deref()]);
        let known: Vec<_> = samples.iter().map(|it| it.name.as_str()).collect();
        let message = unknown("event", name, names.flatten());
        format!("{message} (samples: {})", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_is_found_by_name_or_type() {
        let sample = |name: &str, event_type: &str| Sample {
            name: name.into(),
            event_type: Some(event_type.into()),
            is_form: false,
            body: Vec::new(),
        };
        let samples = [
            sample("offer-accepted", "offer.accepted"),
            sample("order-created", "order.created"),
        ];
        let name = |given| choose(&samples, given).map(|sample| sample.name.as_str());

        assert_eq!(name(None), Ok("offer-accepted"));
        assert_eq!(name(Some("order-created")), Ok("order-created"));
        assert_eq!(name(Some("order.created")), Ok("order-created"));
        let unknown = name(Some("ofer.accepted")).expect_err("unknown");
        assert!(
            unknown.contains("did you mean `offer.accepted`?"),
            "{unknown}"
        );
    }
}
