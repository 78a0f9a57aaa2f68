//! Handles the events of {{provider.kebab}}.

#[path = "../gen/webhooks.rs"]
mod webhooks;

use hookyard::{Delivery, Outcome, log, reject};
use webhooks::Event;

#[hookyard::handler]
fn handle(event: Event, delivery: Delivery) -> Outcome {
    if delivery.provider != "{{provider.kebab}}" {
        return reject!("this plugin takes no events of {}", delivery.provider);
    }

    let name = match event {
        // @each
        Event::{{case.pascal}}(_) => "{{case.kebab}}",
        // @end
        // @each bare
        Event::{{case.pascal}} => "{{case.kebab}}",
        // @end
        // @other
        // An event of a type that has no case, as its JSON text.
        Event::Other(_) => delivery.event_type.as_deref().unwrap_or("an event without a type"),
        // @end
    };
    log::info!("{name} {}", delivery.event_id);
    Ok(())
}
// @other

#[cfg(test)]
mod tests {
    use hookyard::testing::World;

    use super::*;

    fn other() -> Event {
        Event::Other("{}".to_owned())
    }

    #[test]
    fn event_is_logged() {
        let mut world = World::new();
        world.delivery.provider = "{{provider.kebab}}".to_owned();
        world.delivery.event_type = Some("new".to_owned());
        assert_eq!(world.run(handle, other()), Ok(()));
        assert!(world.log()[0].starts_with("info: new "));
    }

    #[test]
    fn events_of_others_are_rejected() {
        let outcome = World::new().run(handle, other());
        assert_eq!(outcome, reject!("this plugin takes no events of test"));
    }
}
// @end
