//! Maps an offer or an order to a task for the warehouse. All functions are pure.

use std::collections::BTreeMap;

use crate::topi::webhooks::types::{Address, Offer, Order, ProductReference};

/// The number of items, by the shop's own stock-keeping reference.
type Items = BTreeMap<String, u32>;

/// A task for the warehouse.
#[derive(Debug, PartialEq, Eq)]
pub struct Task {
    headline: String,
    items: Items,
}

impl Task {
    /// Returns the task to reserve the offered items.
    pub fn hold(offer: &Offer, why: &str) -> Task {
        Task {
            headline: format!("hold for {}: {why}", offered(offer)),
            items: lines_of(offer),
        }
    }

    /// Returns the task to make the offered items available to other customers.
    pub fn release(offer: &Offer, why: &str) -> Task {
        Task {
            headline: format!("release {}: {why}", offered(offer)),
            items: lines_of(offer),
        }
    }

    /// Returns the task to pack the order, or to ask a person if the order cannot be packed.
    pub fn pack(order: &Order, countries: &[&str]) -> Task {
        let items = assets_of(order);
        let headline = match destination(order, countries) {
            _ if items.is_empty() => ask(order, "it names no items"),
            Ok(address) => format!("pack {} for {}", ordered(order), place(address)),
            Err(why) => ask(order, &why),
        };
        Task { headline, items }
    }

    /// Returns the task to stop the order and to recall the items that were shipped.
    pub fn stop(order: &Order) -> Task {
        let has_left = |status: Option<&str>| matches!(status, Some("shipped" | "completed"));
        let assets = order.assets.as_deref().unwrap_or_default();
        let gone = assets
            .iter()
            .filter(|asset| has_left(asset.status.as_deref()))
            .count();
        let headline = match gone {
            0 => format!("stop {}: canceled, nothing has left yet", ordered(order)),
            _ => format!(
                "stop {}: canceled, call back {gone} that left",
                ordered(order)
            ),
        };
        Task {
            headline,
            items: assets_of(order),
        }
    }

    /// Returns the task to archive the serial numbers of the customer's devices.
    pub fn archive(order: &Order) -> Task {
        let assets = order.assets.as_deref().unwrap_or_default();
        let numbers: Vec<&str> = assets
            .iter()
            .filter_map(|asset| asset.serial_number.as_deref())
            .collect();
        let numbers = if numbers.is_empty() {
            "none named".to_owned()
        } else {
            numbers.join(", ")
        };
        Task {
            headline: format!(
                "archive {}: completed, serial numbers {numbers}",
                ordered(order)
            ),
            items: Items::new(),
        }
    }

    /// Returns a task without any work, for an event that does not concern the warehouse.
    pub fn none(what: &str) -> Task {
        Task {
            headline: format!("nothing to do: {what}"),
            items: Items::new(),
        }
    }

    /// Returns the lines of the task: its headline, then a line for each kind of item.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let items = self
            .items
            .iter()
            .map(|(reference, count)| format!("  {count} × {reference}"));
        std::iter::once(self.headline.clone()).chain(items)
    }
}

fn lines_of(offer: &Offer) -> Items {
    let mut items = Items::new();
    for line in offer.lines.as_deref().unwrap_or_default() {
        let count = items
            .entry(name(
                line.seller_product_references.as_deref(),
                line.title.as_deref(),
            ))
            .or_default();
        *count = count.saturating_add(line.quantity.unwrap_or(1));
    }
    items
}

/// Counts the items of an order: each asset is one item.
fn assets_of(order: &Order) -> Items {
    let mut items = Items::new();
    for asset in order.assets.as_deref().unwrap_or_default() {
        *items
            .entry(name(
                asset.seller_product_references.as_deref(),
                asset.title.as_deref(),
            ))
            .or_default() += 1;
    }
    items
}

/// Returns the shop's reference of an item, or its title if the shop gave no reference.
fn name(references: Option<&[ProductReference]>, title: Option<&str>) -> String {
    let reference = references
        .unwrap_or_default()
        .iter()
        .find_map(|reference| reference.reference.as_deref());
    reference
        .or(title)
        .unwrap_or("an item without a name")
        .to_owned()
}

fn destination<'a>(order: &'a Order, countries: &[&str]) -> Result<&'a Address, String> {
    let address = order
        .shipping_address
        .as_ref()
        .ok_or_else(|| "it has no shipping address".to_owned())?;
    if countries.contains(&address.country_code.as_str()) {
        Ok(address)
    } else {
        Err(format!(
            "the shop does not ship to {}",
            address.country_code
        ))
    }
}

/// Returns the place to ship to. The log does not contain the name and the street, which are on the
/// label.
fn place(address: &Address) -> String {
    format!(
        "{} {}, {}",
        address.postal_code, address.city, address.country_code
    )
}

fn ask(order: &Order, why: &str) -> String {
    format!("ask a person about {}: {why}", ordered(order))
}

fn offered(offer: &Offer) -> String {
    format!(
        "offer {}",
        offer.seller_offer_reference.as_deref().unwrap_or(&offer.id)
    )
}

fn ordered(order: &Order) -> String {
    format!(
        "order {}",
        order.seller_offer_reference.as_deref().unwrap_or(&order.id)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topi::webhooks::types::{Asset, OfferLine};

    fn reference(text: &str) -> Option<Vec<ProductReference>> {
        Some(vec![ProductReference {
            source: None,
            reference: Some(text.to_owned()),
        }])
    }

    fn asset(text: &str, status: &str) -> Asset {
        Asset {
            id: None,
            product_id: None,
            title: Some("Laptop".to_owned()),
            serial_number: None,
            status: Some(status.to_owned()),
            tracking_url: None,
            seller_product_references: reference(text),
        }
    }

    fn order(country: &str, assets: Vec<Asset>) -> Order {
        let address = Address {
            recipient_name: Some("Widgets".to_owned()),
            line1: "Lagerstraße 7".to_owned(),
            line2: None,
            postal_code: "20097".to_owned(),
            city: "Hamburg".to_owned(),
            region: None,
            country_code: country.to_owned(),
        };
        Order {
            id: "o-1".to_owned(),
            status: "created".to_owned(),
            offer_id: None,
            seller_offer_reference: Some("C1".to_owned()),
            assets: Some(assets),
            metadata: None,
            customer: None,
            shipping_address: Some(address),
        }
    }

    fn check(task: Task, expected: &[&str]) {
        assert_eq!(task.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn order_is_packed() {
        let assets = vec![
            asset("X1", "created"),
            asset("DOCK", "created"),
            asset("X1", "created"),
        ];
        check(
            Task::pack(&order("DE", assets), &["DE"]),
            &[
                "pack order C1 for 20097 Hamburg, DE",
                "  1 × DOCK",
                "  2 × X1",
            ],
        );
    }

    #[test]
    fn unpackable_order_is_left_to_a_person() {
        let one = || vec![asset("X1", "created")];
        let nowhere = Order {
            shipping_address: None,
            ..order("DE", one())
        };
        check(
            Task::pack(&order("US", one()), &["DE"]),
            &[
                "ask a person about order C1: the shop does not ship to US",
                "  1 × X1",
            ],
        );
        check(
            Task::pack(&nowhere, &["DE"]),
            &[
                "ask a person about order C1: it has no shipping address",
                "  1 × X1",
            ],
        );
        check(
            Task::pack(&order("DE", vec![]), &["DE"]),
            &["ask a person about order C1: it names no items"],
        );
    }

    #[test]
    fn canceled_order_recalls_shipped_items() {
        check(
            Task::stop(&order(
                "DE",
                vec![asset("X1", "shipped"), asset("X1", "created")],
            )),
            &["stop order C1: canceled, call back 1 that left", "  2 × X1"],
        );
        check(
            Task::stop(&order("DE", vec![])),
            &["stop order C1: canceled, nothing has left yet"],
        );
    }

    #[test]
    fn item_count_of_an_offer_saturates() {
        let line = |quantity| OfferLine {
            id: None,
            title: Some("Dock".to_owned()),
            subtitle: None,
            quantity,
            price: None,
            seller_product_references: None,
        };
        let offer = Offer {
            id: "f-1".to_owned(),
            status: "expired".to_owned(),
            created_at: None,
            expires_at: None,
            checkout_redirect_url: None,
            lines: Some(vec![line(Some(u32::MAX)), line(None)]),
            order_id: None,
            seller_offer_reference: None,
            metadata: None,
        };
        check(
            Task::release(&offer, "expired"),
            &["release offer f-1: expired", "  4294967295 × Dock"],
        );
    }
}
