// Handles events as the sender wrote them.
#include "untyped.h"

hy_outcome on_message(const hy_message *message, const hy_delivery *delivery) {
    if (message->body.len == 0) return hy_reject("the body is empty");

    hy_string type = delivery->event_type.is_some ? delivery->event_type.val : hy_text("an event without a type");
    hy_log(HY_INFO, "%.*s: %zu bytes, %zu headers", HY_STR(type), message->body.len, message->headers.len);
    return HY_OK;
}
