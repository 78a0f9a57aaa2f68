//! From what changed to the cache keys that are stale. Pure.
//!
//! The keys are paths of the shop's own pages, so an id is checked before it is put into one.

use std::collections::BTreeSet;

use crate::tipser::webhooks::types::{Collection, PosCollections, Product, ProductCustomization, ProductInCollections};

/// Keys without repeats, in a fixed order; or why there are none.
pub type Keys = Result<BTreeSet<String>, String>;

/// The product's page, and what is searched: a new product has to be found.
pub fn product(change: &Product) -> Keys {
    keys([("products", &change.product_id), ("search", &change.product_id)])
}

/// The product's page, and every collection that shows it.
pub fn product_in_collections(change: &ProductInCollections) -> Keys {
    let collections = change.collections_ids.iter().map(|id| ("collections", id));
    keys(collections.chain([("products", &change.product_id)]))
}

/// The shop's navigation. The event lists what is left, not what went: pages of collections that went are not named
/// and run out by themselves.
pub fn pos_collections(change: &PosCollections) -> Keys {
    let collections = change.collections_ids.iter().map(|id| ("collections", id));
    keys(collections.chain([("navigation", &change.pos_id)]))
}

/// The collection's page.
pub fn collection(change: &Collection) -> Keys {
    keys([("collections", &change.collection_id)])
}

/// The collection's page: it may have been asked for, and found missing, before it was there.
pub fn collection_added(change: &Collection) -> Keys {
    collection(change)
}

/// The product's page in this shop.
pub fn product_customization(change: &ProductCustomization) -> Keys {
    keys([("customizations", &change.product_customization_id), ("products", &change.product_id)])
}

fn keys<'a>(parts: impl IntoIterator<Item = (&'a str, &'a String)>) -> Keys {
    parts.into_iter().map(|(page, id)| if is_id(id) { Ok(format!("/{page}/{id}")) } else { Err(refusal(id)) }).collect()
}

/// Tipser's ids are 24 hexadecimal digits. Anything that is safe in a path will do, as the form isn't promised.
fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn refusal(id: &str) -> String {
    let start: String = id.chars().take(64).collect();
    format!("{start:?} is no id to put into a path")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keys: Keys, expected: &[&str]) {
        assert_eq!(keys, Ok(expected.iter().map(|&key| key.to_owned()).collect()));
    }

    #[test]
    fn names_what_is_stale() {
        check(product(&Product { product_id: "5075bb2a".into() }), &["/products/5075bb2a", "/search/5075bb2a"]);
        let change = ProductInCollections { product_id: "p1".into(), collections_ids: vec!["c2".into(), "c1".into()] };
        check(product_in_collections(&change), &["/collections/c1", "/collections/c2", "/products/p1"]);
        let change = ProductCustomization { product_customization_id: "x1".into(), product_id: "p1".into() };
        check(product_customization(&change), &["/customizations/x1", "/products/p1"]);
    }

    #[test]
    fn purges_a_collection_once() {
        let change = PosCollections { pos_id: "s1".into(), collections_ids: vec!["c1".into(), "c1".into()] };
        check(pos_collections(&change), &["/collections/c1", "/navigation/s1"]);
    }

    #[test]
    fn puts_no_odd_id_into_a_path() {
        for odd in ["", "../admin", "a b", "*", "ä", &"a".repeat(65)] {
            assert!(collection(&Collection { collection_id: odd.to_owned() }).is_err(), "{odd:?}");
        }
    }
}
