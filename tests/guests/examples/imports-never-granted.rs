//! Imports an interface that no host offers. The host refuses to load it and names the interface.

wit_bindgen::generate!({
    world: "acme:order/order",
    inline: "
        package acme:order;

        world order {
            import acme:never/granted@2.1.0;
            export hookyard:plugin/handler@0.1.0;
        }

        package acme:never@2.1.0 {
            interface granted { order: func(text: string) -> string; }
        }
    ",
    path: "../../wit/hookyard",
    generate_all,
});

use exports::hookyard::plugin::handler::{Delivery, Failure, Guest, Message};

struct Order;

impl Guest for Order {
    fn handle(delivery: Delivery, _: Message) -> Result<(), Failure> {
        println!("{}", acme::never::granted::order(&delivery.key));
        Ok(())
    }
}

export!(Order);
