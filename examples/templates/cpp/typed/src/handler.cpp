// Handles the events of {{provider.kebab}}. Remove the handlers that you do not need: an event without a handler is
// logged and done.
#include "{{namespace.snake}}.hpp"

using hookyard::delivery;
using hookyard::outcome;

// Every reason to reject an event is final: the host gives the job up.
static outcome check(const delivery& delivery) {
    if (delivery.key.empty()) return hookyard::reject("the event has no key");
    return {};
}

// @each
// {{case.type}}
outcome {{namespace.snake}}::on_{{case.snake}}(const {{payload.snake}}&, const delivery& delivery) {
    hookyard::log::info("{{case.kebab}} {}", delivery.event_id);
    return check(delivery);
}

// @end
// @each bare
// {{case.type}}
outcome {{namespace.snake}}::on_{{case.snake}}(const delivery& delivery) {
    hookyard::log::info("{{case.kebab}} {}", delivery.event_id);
    return check(delivery);
}

// @end
// @other
// All other events, as JSON text.
outcome {{namespace.snake}}::on_other(const std::string_view& event, const delivery& delivery) {
    hookyard::log::debug("no handler for event {} of {} bytes", delivery.event_id, event.size());
    return {};
}
// @end
