//! Accounts and identity checks. They move no money, but the books name the user.

use crate::topper::webhooks::types::UserData;

pub fn line(what: &str, data: &UserData) -> Vec<String> {
    let by = data
        .authentication_method
        .as_deref()
        .map(|method| format!(" by {method}"))
        .unwrap_or_default();
    vec![format!("user   {} {what}{by}", data.user.id)]
}
