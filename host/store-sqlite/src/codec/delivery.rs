//! The representation of the result of a delivery in the database.

use std::time::Duration;

use hookyard_model::DeliveryResult;
use hookyard_store::Error;
use serde_json::{Value, json};

use super::{corrupt, millis};

/// Returns the details of a result as a JSON object, without its name.
pub(crate) fn result_detail(result: &DeliveryResult) -> Option<String> {
    let detail = match result {
        DeliveryResult::Sent { status } | DeliveryResult::Refused { status } => {
            json!({ "status": status })
        }
        DeliveryResult::Failed {
            status,
            reason,
            after,
        } => {
            json!({ "status": status, "reason": reason, "after_ms": after.map(millis) })
        }
        DeliveryResult::Gone => return None,
        DeliveryResult::Unsendable { reason } => json!({ "reason": reason }),
        DeliveryResult::Lost { deliveries } => json!({ "deliveries": deliveries }),
    };

    Some(detail.to_string())
}

pub(crate) fn result(name: &str, detail: Option<&str>) -> Result<DeliveryResult, Error> {
    let detail: Value = match detail {
        None => Value::Null,
        Some(json) => serde_json::from_str(json).map_err(|_| corrupt("a delivery's detail"))?,
    };

    let status = || {
        detail["status"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok())
    };
    let reason = || detail["reason"].as_str().map(str::to_owned);
    let found = match name {
        "sent" => status().map(|status| DeliveryResult::Sent { status }),
        "failed" => reason().map(|reason| {
            let after = detail["after_ms"].as_u64().map(Duration::from_millis);
            DeliveryResult::Failed {
                status: status(),
                reason,
                after,
            }
        }),
        "refused" => status().map(|status| DeliveryResult::Refused { status }),
        "gone" => Some(DeliveryResult::Gone),
        "unsendable" => reason().map(|reason| DeliveryResult::Unsendable { reason }),
        "lost" => {
            let deliveries = detail["deliveries"]
                .as_u64()
                .and_then(|deliveries| deliveries.try_into().ok());
            deliveries.map(|deliveries| DeliveryResult::Lost { deliveries })
        }
        _ => None,
    };

    found.ok_or_else(|| corrupt(format!("a delivery's result `{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_delivery_result_round_trips() {
        let reason = || "with \"quotes\"\nand lines".to_owned();
        let after = Some(Duration::from_millis(1_500));

        for one in [
            DeliveryResult::Sent { status: 204 },
            DeliveryResult::Failed {
                status: None,
                reason: reason(),
                after: None,
            },
            DeliveryResult::Failed {
                status: Some(503),
                reason: reason(),
                after,
            },
            DeliveryResult::Refused { status: 400 },
            DeliveryResult::Gone,
            DeliveryResult::Unsendable { reason: reason() },
            DeliveryResult::Lost {
                deliveries: u32::MAX,
            },
        ] {
            let detail = result_detail(&one);
            assert_eq!(
                result(one.name(), detail.as_deref()).expect("what was written"),
                one
            );
        }
    }

    #[test]
    fn foreign_values_are_refused() {
        for (name, detail) in [
            ("sent", None),
            ("sent", Some(r#"{"status":70000}"#)),
            ("failed", Some("{")),
            ("failed", Some("{}")),
            ("fine", None),
        ] {
            assert!(result(name, detail).is_err(), "{name} {detail:?}");
        }
    }
}
