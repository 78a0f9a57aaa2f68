//! Counts its events by compare-and-swap, with the second draft of `wasi:keyvalue`, and keeps a key
//! for each event.

use hookyard_guests::effects2::{atomics, batch, store};
use hookyard_guests::{Delivery, Failure, Guest, Message, rejected};

struct Counter;

impl Guest for Counter {
    fn handle(delivery: Delivery, _: Message) -> Result<(), Failure> {
        let bucket = store::open("counts").map_err(rejected)?;
        let stale = atomics::Cas::new(&bucket, "events").map_err(rejected)?;
        let cas = atomics::Cas::new(&bucket, "events").map_err(rejected)?;
        let before = cas.current().map_err(rejected)?.unwrap_or_default();
        let before: u64 = if before.is_empty() {
            0
        } else {
            text(before).parse().expect("our own number")
        };
        let count = (before + 1).to_string();
        atomics::swap(cas, count.as_bytes()).map_err(rejected)?;
        // The other handle is stale now, so the host returns a new handle.
        match atomics::swap(stale, b"never") {
            Err(atomics::CasError::CasFailed(fresh)) => {
                assert_eq!(
                    fresh.current().map_err(rejected)?,
                    Some(count.clone().into_bytes())
                );
            }
            other => return Err(rejected(other)),
        }
        let seen = store::open("seen").map_err(rejected)?;
        batch::set_many(&seen, &[(delivery.key.clone(), b"yes".to_vec())]).map_err(rejected)?;
        println!("count {count}");
        Ok(())
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("our own text")
}

hookyard_guests::export!(Counter);
