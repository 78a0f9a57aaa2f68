//! Asks for 128 MiB at once.

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct GrowAtOnce;

impl Guest for GrowAtOnce {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        let large: Vec<u8> = Vec::with_capacity(128 << 20);
        println!("has {} bytes", std::hint::black_box(large).capacity());
        Ok(())
    }
}

hookyard_guests::export!(GrowAtOnce);
