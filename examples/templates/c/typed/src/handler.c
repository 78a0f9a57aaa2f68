// Handles the events of {{provider.kebab}}. Remove the handlers that you do not need: an event without a handler is
// logged and done.
#include "{{namespace.snake}}.h"

// Every reason to reject an event is final: the host gives the job up.
static hy_outcome check(const hy_delivery *delivery) {
    if (delivery->key.len == 0) return hy_reject("the event has no key");
    return HY_OK;
}

// @each
// {{case.type}}
hy_outcome on_{{case.snake}}(const {{namespace.snake}}_{{payload.snake}} *event, const hy_delivery *delivery) {
    (void)event;
    hy_log(HY_INFO, "{{case.kebab}} %.*s", HY_STR(delivery->event_id));
    return check(delivery);
}

// @end
// @each bare
// {{case.type}}
hy_outcome on_{{case.snake}}(const hy_delivery *delivery) {
    hy_log(HY_INFO, "{{case.kebab}} %.*s", HY_STR(delivery->event_id));
    return check(delivery);
}

// @end
// @other
// All other events, as JSON text.
hy_outcome on_other(const hy_string *event, const hy_delivery *delivery) {
    hy_log(HY_DEBUG, "no handler for event %.*s of %zu bytes", HY_STR(delivery->event_id), event->len);
    return HY_OK;
}
// @end
