// Handles events as the sender wrote them.
#include "untyped.hpp"

hookyard::outcome untyped::on_message(const message& message, const hookyard::delivery& delivery) {
    if (message.body.empty()) return hookyard::reject("the body is empty");

    hookyard::log::info("{}: {} bytes, {} headers", delivery.event_type.value_or("an event without a type"),
                        message.body.size(), message.headers.size());
    return {};
}
