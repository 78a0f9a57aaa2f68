// The Hookyard SDK for C++: what a handler returns, and what the host offers to it.
//
// C++23 without exceptions and without RTTI, as the libraries of C++ for WebAssembly are built. A call to
// the host returns std::expected, and HOOKYARD_TRY returns its failure from the handler: the host then runs
// the handler again later. Texts that the host passes are views into the memory of the attempt.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <expected>
#include <format>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hookyard.h"

namespace hookyard {

// Why a handler did not handle its event, or why the host did not do what the handler asked.
struct failure {
    hy_kind kind;
    std::string reason;
    std::chrono::milliseconds after{0}; // The minimum delay of a retry; 0: the schedule of the source decides.
};

template <class T>
using expected = std::expected<T, failure>;
// The result of a handler. `return {};` is success.
using outcome = expected<void>;

// The event can never be handled. The reason is for the operator, and the arguments are those of std::format.
template <class... A>
std::unexpected<failure> reject(std::format_string<A...> format, A&&... arguments) {
    return std::unexpected(failure{HY_REJECT, std::format(format, std::forward<A>(arguments)...)});
}

// The event cannot be handled now. The host runs the handler again after this time or later.
template <class... A>
std::unexpected<failure> retry(std::chrono::milliseconds after, std::format_string<A...> format, A&&... arguments) {
    return std::unexpected(failure{HY_RETRY, std::format(format, std::forward<A>(arguments)...), after});
}

template <class... A>
std::unexpected<failure> host_error(std::format_string<A...> format, A&&... arguments) {
    return std::unexpected(failure{HY_HOST_ERROR, std::format(format, std::forward<A>(arguments)...)});
}

// Ends the attempt as trapped, which counts as a fault of the plugin. The message is the reason.
template <class... A>
[[noreturn]] void trap(std::format_string<A...> format, A&&... arguments) {
    hy_trap("%s", std::format(format, std::forward<A>(arguments)...).c_str());
}

#define HOOKYARD_JOIN_(one, other) one##other
#define HOOKYARD_CHECK_(result, call) \
    auto result = (call);             \
    if (!result) return std::unexpected(std::move(result).error())
// `HOOKYARD_TRY(seen, bucket.increment(key));` declares `seen`, or returns the failure from the handler.
#define HOOKYARD_TRY(name, call)                          \
    HOOKYARD_CHECK_(HOOKYARD_JOIN_(name, _result), call); \
    auto name = *std::move(HOOKYARD_JOIN_(name, _result))
// The same for a call whose value is not needed.
#define HOOKYARD_DO(call) \
    if (auto result = (call); !result) return std::unexpected(std::move(result).error())

// Drops a value: `return topi_saas::send_offer_accepted(answer).transform(hookyard::ignore);`
inline constexpr auto ignore = [](const auto&) {};

// A value that may be absent, laid out as the host passes it.
template <class T>
struct option {
    bool is_some = false;
    T val{};

    constexpr option() = default;
    constexpr option(std::nullopt_t) {}
    constexpr option(T value) : is_some(true), val(std::move(value)) {}

    constexpr explicit operator bool() const { return is_some; }
    constexpr bool has_value() const { return is_some; }
    constexpr const T& operator*() const { return val; }
    constexpr const T* operator->() const { return &val; }
    constexpr T value_or(T other) const { return is_some ? val : other; }
};

// A list that the host passes, or a view of a container that the plugin passes to the host.
template <class T>
using list = std::span<const T>;

// A tuple, laid out as the host passes it.
template <class... T>
struct tuple;
template <class A, class B>
struct tuple<A, B> {
    A f0{};
    B f1{};
};
template <class A, class B, class C>
struct tuple<A, B, C> {
    A f0{};
    B f1{};
    C f2{};
};

// What the host knows about the event and about this attempt.
struct delivery {
    std::string_view event_id, tenant, source, provider;
    option<std::string_view> event_type;
    std::string_view key;
    std::uint32_t attempt = 1;
    std::uint64_t received_at = 0; // In milliseconds since 1970-01-01T00:00:00Z.
};

// The sum of a member of each item; none if the sum does not fit.
template <class Items, class Member>
std::optional<std::int64_t> sum(const Items& items, Member member) {
    std::int64_t total = 0;
    for (const auto& item : items)
        if (!hy_add(&total, std::invoke(member, item))) return std::nullopt;
    return total;
}

inline std::string_view view(hy_string text) { return {reinterpret_cast<const char*>(text.ptr), text.len}; }

inline hy_string raw(std::string_view text) {
    return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())), text.size()};
}

// Money, such as "49.98" for 4998 and 2 digits.
inline std::string minor_units(std::int64_t value, unsigned digits = 2) {
    return std::string(view(hy_minor_units(value, digits)));
}

// Turns an outcome of the SDK for C into one of C++.
inline outcome checked(hy_outcome result) {
    if (result.kind == HY_DONE) return {};
    return std::unexpected(failure{result.kind, std::string(view(result.reason)), std::chrono::milliseconds(result.after_ms)});
}

namespace log {
template <class... A>
void write(hy_level level, std::format_string<A...> format, A&&... arguments) {
    const std::string text = std::format(format, std::forward<A>(arguments)...);
    hy_log(level, "%.*s", static_cast<int>(text.size()), text.data());
}
#define HOOKYARD_LEVEL_(name, level)                                  \
    template <class... A>                                             \
    void name(std::format_string<A...> format, A&&... arguments) {    \
        write(level, std::move(format), std::forward<A>(arguments)...); \
    }
HOOKYARD_LEVEL_(trace, HY_TRACE)
HOOKYARD_LEVEL_(debug, HY_DEBUG)
HOOKYARD_LEVEL_(info, HY_INFO)
HOOKYARD_LEVEL_(warn, HY_WARN)
HOOKYARD_LEVEL_(error, HY_ERROR)
#undef HOOKYARD_LEVEL_
} // namespace log

#ifdef HY_IMPORT_CONFIG
// A setting of [config]. If the host cannot read the setting, the attempt ends as a retry.
inline std::optional<std::string_view> setting(const char* name) {
    const hy_string value = hy_setting(name);
    if (value.ptr == nullptr) return std::nullopt;
    return view(value);
}

// A setting that is a number; `fallback` where there is no such setting.
inline expected<std::int64_t> setting_int(const char* name, std::int64_t fallback) {
    std::int64_t value = fallback;
    return checked(hy_setting_int(name, fallback, &value)).transform([&] { return value; });
}
#else
template <class... A>
std::optional<std::string_view> setting(A&&...) HY_MISSING("config");
template <class... A>
expected<std::int64_t> setting_int(A&&...) HY_MISSING("config");
#endif

#ifdef HY_IMPORT_KEYVALUE
// A bucket of the key-value store, with whole numbers or texts. If another attempt changes a key that this
// attempt has read, the host runs the handler again from its beginning.
template <class T = std::string>
class bucket {
    static_assert(std::same_as<T, std::int64_t> || std::same_as<T, std::string>, "a bucket holds std::int64_t or std::string");

public:
    explicit bucket(const char* name) : name_(name) {}

    expected<std::optional<T>> get(std::string_view key) const {
        hy_string text{};
        HOOKYARD_DO(checked(hy_get(name_, raw(key), &text)));
        if (text.ptr == nullptr) return std::nullopt;
        if constexpr (std::same_as<T, std::int64_t>) {
            std::int64_t value = 0;
            HOOKYARD_DO(checked(hy_get_int(name_, raw(key), 0, &value)));
            return value;
        } else {
            return std::string(view(text));
        }
    }

    outcome set(std::string_view key, const T& value) const {
        if constexpr (std::same_as<T, std::int64_t>) {
            return checked(hy_set_int(name_, raw(key), value));
        } else {
            return checked(hy_set(name_, raw(key), raw(value)));
        }
    }

    // Replaces a value by what the function makes of it, and returns the new value.
    expected<T> update(std::string_view key, std::invocable<std::optional<T>> auto change) const {
        HOOKYARD_TRY(old, get(key));
        T value = change(std::move(old));
        return set(key, value).transform([&] { return value; });
    }

    outcome remove(std::string_view key) const { return checked(hy_delete(name_, raw(key))); }

    expected<bool> exists(std::string_view key) const {
        bool found = false;
        return checked(hy_exists(name_, raw(key), &found)).transform([&] { return found; });
    }

    // All keys, in the order of their bytes.
    expected<std::vector<std::string>> keys() const {
        hy_keys found{};
        HOOKYARD_DO(checked(hy_list_keys(name_, &found)));
        std::vector<std::string> names;
        for (std::size_t i = 0; i < found.len; i++) names.emplace_back(view(found.ptr[i]));
        return names;
    }

    // Adds to a number and returns the sum, also if several attempts do so at once.
    expected<std::int64_t> increment(std::string_view key, std::int64_t by = 1) const {
        std::int64_t total = 0;
        return checked(hy_increment(name_, raw(key), by, &total)).transform([&] { return total; });
    }

private:
    const char* name_;
};
#else
template <class T = std::string>
class HY_MISSING("keyvalue") bucket;
#endif

#ifdef HY_IMPORT_OUTBOX
// Sends a body to a destination, together with the outcome. Returns the id of the message.
inline expected<std::string> send(const char* destination, std::string_view body, const char* ordering_key = nullptr) {
    hy_string id{};
    return checked(hy_send(destination, raw(body), ordering_key, &id)).transform([&] { return std::string(view(id)); });
}
#else
template <class... A>
expected<std::string> send(A&&...) HY_MISSING("outbox");
#endif

#ifdef HY_IMPORT_RESPONDER
struct answer {
    std::uint16_t status = 200; // From 200 to 599.
    std::vector<hy_header> headers{};
    std::string body{};
};

// Answers the request that brought the event, if its source has `ack = "responder"`. The answer is sent if the
// handler succeeds, and in time.
inline expected<void> respond(const answer& answer) {
    const hy_answer raw_answer{answer.status, answer.headers.data(), answer.headers.size(), raw(answer.body)};
    return checked(hy_respond(&raw_answer));
}
#else
struct HY_MISSING("responder") answer;
template <class... A>
expected<void> respond(A&&...) HY_MISSING("responder");
#endif

#ifdef HY_IMPORT_HTTP
namespace http {
struct request {
    const char* method = "GET";
    std::string url;
    std::vector<hy_header> headers{};
    std::string body{};
    std::chrono::milliseconds timeout{0}; // The maximum wait for the answer; 0: no maximum but that of the attempt.
};

struct response {
    std::uint16_t status = 0;
    std::string body{};
    std::chrono::milliseconds retry_after{0};

    // A retry for the statuses 408, 429 and 5xx, an error of the host for other 4xx, and otherwise the answer.
    expected<response> or_retry() const {
        const hy_response raw_response{status, raw(body), static_cast<std::uint64_t>(retry_after.count())};
        return checked(hy_or_retry(&raw_response)).transform([&] { return *this; });
    }
};

// Sends a request and reads the whole answer.
inline expected<response> send(const request& request) {
    const hy_request raw_request{request.method, request.url.c_str(), request.headers.data(), request.headers.size(),
                                 raw(request.body), static_cast<std::uint64_t>(request.timeout.count())};
    hy_response answer{};
    HOOKYARD_DO(checked(hy_http(&raw_request, &answer)));
    return response{answer.status, std::string(view(answer.body)), std::chrono::milliseconds(answer.retry_after_ms)};
}

inline expected<response> get(std::string url) { return send({.url = std::move(url)}); }

inline expected<response> post(std::string url, std::string body, std::vector<hy_header> headers = {}) {
    return send({.method = "POST", .url = std::move(url), .headers = std::move(headers), .body = std::move(body)});
}
} // namespace http
#else
namespace http {
struct HY_MISSING("http") request;
template <class... A>
void send(A&&...) HY_MISSING("http");
template <class... A>
void get(A&&...) HY_MISSING("http");
template <class... A>
void post(A&&...) HY_MISSING("http");
} // namespace http
#endif

// For the generated code: a pointer to a type of the bindings that has the same layout.
struct pointer {
    const void* to;

    template <class T>
    operator T*() const {
        return static_cast<T*>(const_cast<void*>(to));
    }
};

// For the generated code: turns the outcome of a handler into that of the SDK for C.
inline hy_outcome plain(const outcome& result) {
    if (result) return hy_outcome{};
    const failure& failed = result.error();
    const hy_string reason = hy_format("%.*s", static_cast<int>(failed.reason.size()), failed.reason.data());
    return {failed.kind, reason, static_cast<std::uint64_t>(failed.after.count())};
}

} // namespace hookyard
