//! Handles the events of {{provider.kebab}}.

#[path = "../gen/webhooks.rs"]
mod webhooks;

use hookyard::{Delivery, Outcome, log, reject};
use webhooks::Event;

#[hookyard::handler]
fn handle(event: Event, delivery: Delivery) -> Outcome {
    let name = match event {
        // @each
        Event::{{case.pascal}}(_) => "{{case.kebab}}",
        // @end
        // @each bare
        Event::{{case.pascal}} => "{{case.kebab}}",
        // @end
        // @other
        // An event of a type that has no case, as its JSON text.
        Event::Other(_) if delivery.event_type.is_none() => {
            return reject!("the event has no type");
        }
        Event::Other(_) => "other",
        // @end
    };
    log::info!("{name} {}", delivery.event_id);
    Ok(())
}

#[cfg(test)]
mod tests {
    use hookyard::testing::World;

    use super::*;

    // @other
    #[test]
    fn event_without_type_is_rejected() {
        let mut world = World::new();
        let outcome = world.run(handle, Event::Other("{}".to_owned()));
        assert_eq!(outcome, reject!("the event has no type"));
    }

    #[test]
    fn other_event_is_logged() {
        let mut world = World::new();
        world.delivery.event_type = Some("new".to_owned());
        assert_eq!(world.run(handle, Event::Other("{}".to_owned())), Ok(()));
        assert!(world.log()[0].starts_with("info: other "));
    }
    // @end
}
