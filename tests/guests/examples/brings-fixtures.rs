//! Counts its events, and contains two fixtures: the first passes, the second does not.

use hookyard_guests::effects::{atomics, store};
use hookyard_guests::{Delivery, Failure, Guest, Message, rejected};

const TEXT: &[u8] = br#"[
    { "name": "counts on",
      "event": { "provider": "topper", "body": { "id": "one", "name": "user:created" } },
      "values": { "counts": { "events": "41" } },
      "expect": { "values": { "counts": { "events": "42" } }, "messages": [], "log": ["now 42"] } },
    { "name": "counts from nothing",
      "event": { "provider": "topper", "body": { "id": "two", "name": "user:created" } },
      "expect": { "values": { "counts": { "events": "2" } } } }
]"#;

#[used]
#[unsafe(link_section = "hookyard:fixtures")]
static FIXTURES: [u8; TEXT.len()] = {
    let mut bytes = [0; TEXT.len()];
    bytes.copy_from_slice(TEXT);
    bytes
};

struct BringsFixtures;

impl Guest for BringsFixtures {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        let bucket = store::open("counts").map_err(rejected)?;
        println!(
            "now {}",
            atomics::increment(&bucket, "events", 1).map_err(rejected)?
        );
        Ok(())
    }
}

hookyard_guests::export!(BringsFixtures);
