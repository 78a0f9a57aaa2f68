//! Allocates memory and writes to it until the host refuses more.

use hookyard_guests::{Delivery, Failure, Guest, Message};

struct EatMemory;

impl Guest for EatMemory {
    fn handle(_: Delivery, _: Message) -> Result<(), Failure> {
        println!("about to eat");
        let mut eaten = Vec::new();
        loop {
            eaten.push(std::hint::black_box(vec![1u8; 1 << 20]));
        }
    }
}

hookyard_guests::export!(EatMemory);
