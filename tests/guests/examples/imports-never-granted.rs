//! Asks for an interface that no host has. The host refuses to load it and names the interface.

wit_bindgen::generate!({
    world: "acme:wish/wish",
    inline: "
        package acme:wish;

        world wish {
            import acme:never/granted@2.1.0;
            export hookyard:plugin/handler@0.1.0;
        }

        package acme:never@2.1.0 {
            interface granted { wish: func(text: string) -> string; }
        }
    ",
    path: "../../wit/hookyard",
    generate_all,
});

use exports::hookyard::plugin::handler::{Delivery, Failure, Guest, Message};

struct Wish;

impl Guest for Wish {
    fn handle(delivery: Delivery, _: Message) -> Result<(), Failure> {
        println!("{}", acme::never::granted::wish(&delivery.key));
        Ok(())
    }
}

export!(Wish);
