// The world of native unit tests in C++. `hy_world` of hookyard_fake.h has its values.
#pragma once

#include "hookyard.hpp"
#include "hookyard_fake.h"

namespace hookyard::testing {

// Runs a handler. As with the host, nothing is written or sent unless the outcome is success.
template <class Handler>
outcome run(Handler handler) {
    static const hy_delivery unknown{};
    hy_fake_begin(&unknown);
    return checked(hy_fake_end(plain(handler())));
}

// The payload of a message that the plugin sent.
template <class Payload>
const Payload& sent(std::size_t number) {
    if (number >= hy_world.sent_len) trap("message {} of {}", number, hy_world.sent_len);
    return *static_cast<const Payload*>(hy_world.sent[number].payload);
}

inline std::string_view value(const char* bucket, const char* key) { return view(hy_world_value(bucket, key)); }

} // namespace hookyard::testing
