//! Maps a change to the cache keys that it makes stale. All functions are pure.
//!
//! The keys are paths of the shop's own pages, so an id is checked before it becomes part of a
//! path.

use std::collections::BTreeSet;

use crate::tipser::webhooks::types::{
    Collection, PosCollections, Product, ProductCustomization, ProductInCollections,
};

/// The distinct keys in a fixed order, or the reason why the event has none.
pub type Keys = Result<BTreeSet<String>, String>;

/// Returns the page of the product and its search entry, so that a search finds a new product.
pub fn product(change: &Product) -> Keys {
    keys([
        ("products", &change.product_id),
        ("search", &change.product_id),
    ])
}

/// Returns the page of the product and of every collection that contains it.
pub fn product_in_collections(change: &ProductInCollections) -> Keys {
    let collections = change.collections_ids.iter().map(|id| ("collections", id));
    keys(collections.chain([("products", &change.product_id)]))
}

/// Returns the shop's navigation and the pages of its collections. The event lists only the
/// remaining collections, so the cached pages of removed collections stay until they expire.
pub fn pos_collections(change: &PosCollections) -> Keys {
    let collections = change.collections_ids.iter().map(|id| ("collections", id));
    keys(collections.chain([("navigation", &change.pos_id)]))
}

/// Returns the page of the collection.
pub fn collection(change: &Collection) -> Keys {
    keys([("collections", &change.collection_id)])
}

/// Returns the page of the collection: the cache may contain a "not found" answer from before the
/// collection existed.
pub fn collection_added(change: &Collection) -> Keys {
    collection(change)
}

/// Returns the page of the product in this shop.
pub fn product_customization(change: &ProductCustomization) -> Keys {
    keys([
        ("customizations", &change.product_customization_id),
        ("products", &change.product_id),
    ])
}

fn keys<'a>(parts: impl IntoIterator<Item = (&'a str, &'a String)>) -> Keys {
    parts
        .into_iter()
        .map(|(page, id)| {
            if is_id(id) {
                Ok(format!("/{page}/{id}"))
            } else {
                Err(refusal(id))
            }
        })
        .collect()
}

/// Returns whether an id is safe in a path. Tipser's ids are 24 hexadecimal digits, but Tipser does
/// not promise this form.
fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn refusal(id: &str) -> String {
    let start: String = id.chars().take(64).collect();
    format!("{start:?} is not an id that is safe in a path")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keys: Keys, expected: &[&str]) {
        assert_eq!(
            keys,
            Ok(expected.iter().map(|&key| key.to_owned()).collect())
        );
    }

    #[test]
    fn changes_name_stale_keys() {
        check(
            product(&Product {
                product_id: "5075bb2a".into(),
            }),
            &["/products/5075bb2a", "/search/5075bb2a"],
        );
        let change = ProductInCollections {
            product_id: "p1".into(),
            collections_ids: vec!["c2".into(), "c1".into()],
        };
        check(
            product_in_collections(&change),
            &["/collections/c1", "/collections/c2", "/products/p1"],
        );
        let change = ProductCustomization {
            product_customization_id: "x1".into(),
            product_id: "p1".into(),
        };
        check(
            product_customization(&change),
            &["/customizations/x1", "/products/p1"],
        );
    }

    #[test]
    fn repeated_collection_is_purged_once() {
        let change = PosCollections {
            pos_id: "s1".into(),
            collections_ids: vec!["c1".into(), "c1".into()],
        };
        check(
            pos_collections(&change),
            &["/collections/c1", "/navigation/s1"],
        );
    }

    #[test]
    fn unsafe_ids_are_refused() {
        for odd in ["", "../admin", "a b", "*", "ä", &"a".repeat(65)] {
            assert!(
                collection(&Collection {
                    collection_id: odd.to_owned()
                })
                .is_err(),
                "{odd:?}"
            );
        }
    }
}
