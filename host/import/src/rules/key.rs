//! The key of an event: what the sender repeats when it sends the event again.

use super::{Candidate, Rule, piece};
use crate::names::fold;
use crate::types::{Form, Types};

/// Finds the rule for keys. A wrong key would make events vanish as repeats, so only what is named
/// for the purpose is taken without a look at it.
pub(crate) fn key(types: &Types, events: &[Candidate<'_, '_>]) -> Rule {
    if let Some(name) = header(events) {
        return Rule::Sure(format!("{{header:{name}}}"));
    }
    let is_everywhere = |key: &str| {
        let has = |event: &Candidate<'_, '_>| {
            let mut fields = types.fields(event.mapped.ty).iter();
            fields.any(|field| {
                let is_text = matches!(types.form(field.ty), Form::Text(_));
                field.key == key && field.is_required && !field.ty.is_nullable && is_text
            })
        };
        events.iter().all(has)
    };
    if let Some(key) = ["event_id", "eventId"]
        .into_iter()
        .find(|key| is_everywhere(key))
    {
        return Rule::Sure(piece(&format!("/{key}")));
    }
    if is_everywhere("id") {
        let why = "`/id` must be the id of the event, not of the object that the event is about";
        return Rule::Check(piece("/id"), why.into());
    }
    Rule::Unknown(Vec::new())
}

/// Returns a header of all events that is named for the delivery, or for the id of a webhook.
fn header<'a>(events: &[Candidate<'_, 'a>]) -> Option<&'a str> {
    let everywhere = |name: &str| {
        let has =
            |event: &Candidate<'_, '_>| event.webhook.headers.iter().any(|it| it.name == name);
        events.iter().all(has)
    };
    let headers = || {
        events
            .first()
            .into_iter()
            .flat_map(|event| &event.webhook.headers)
    };
    let find = |is_key: &dyn Fn(&str) -> bool| {
        let mut names = headers().map(|header| header.name);
        names.find(|name| is_key(&fold(name)) && everywhere(name))
    };
    find(&|name| name.contains("delivery")).or_else(|| {
        find(&|name| {
            let is_of_event = ["webhookid", "svixid", "eventid", "messageid", "requestid"];
            is_of_event.into_iter().any(|ending| name.ends_with(ending))
        })
    })
}
