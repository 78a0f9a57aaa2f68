// Package hookyard is the SDK for plugins of Hookyard.
//
// A plugin passes a function for each event to the package that `hookyard build` generates from its WIT, such as
// gen/topisaas. The function returns nil when the event is handled, [Reject] when it never can be, and any other error,
// such as one of [Retry], when the host should call the function again later. A panic is a fault of the plugin.
package hookyard

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hookyard/internal/host"
)

// Delivery has the facts that the host knows about an event and about this attempt.
type Delivery struct {
	// EventID is the host's id of the event: a UUID, which is the same on every attempt.
	EventID string
	// Tenant is the tenant that received the event.
	Tenant string
	// Source is the source that received the event.
	Source string
	// Provider is the provider of the event, such as `topper`.
	Provider string
	// EventType is the sender's name for the type of the event, if the host could determine it.
	EventType Option[string]
	// Key identifies the event: the sender repeats it when it sends the event again.
	Key string
	// Attempt is the number of this attempt. The first one is 1.
	Attempt uint32
	// ReceivedAt is the time at which the host received the event.
	ReceivedAt time.Time
}

// HostError is an error of the host, such as a message to a destination that is not granted. A handler that returns it
// is called again later, because the operator or a third party must act first.
type HostError = host.Error

// Rejected is the error of an event that can never be handled.
type Rejected struct{ Reason string }

func (e *Rejected) Error() string { return e.Reason }

// Reject returns an error that gives the event up. The text is the reason for the operator.
func Reject(format string, arguments ...any) error {
	return &Rejected{fmt.Sprintf(format, arguments...)}
}

// IsRejected returns whether an error, or an error inside it, is one of [Reject].
func IsRejected(err error) bool {
	var rejected *Rejected
	return errors.As(err, &rejected)
}

// Retried is the error of an event that cannot be handled now.
type Retried struct {
	Reason string
	// After is the minimum delay. The retry schedule applies if its delay is longer.
	After time.Duration
}

func (e *Retried) Error() string { return e.Reason }

// Retry returns an error that has the host call the handler again. The delay is at least `after`; 0 leaves it to the
// retry schedule. The text is the reason for the operator.
func Retry(after time.Duration, format string, arguments ...any) error {
	return &Retried{fmt.Sprintf(format, arguments...), after}
}

// Option is a value that may be absent.
type Option[T any] struct {
	value T
	some  bool
}

// Some returns an option with a value.
func Some[T any](value T) Option[T] { return Option[T]{value, true} }

// None returns an option without a value. The zero value of [Option] is the same.
func None[T any]() Option[T] { return Option[T]{} }

// Get returns the value, and whether there is one.
func (o Option[T]) Get() (T, bool) { return o.value, o.some }

// Or returns the value, or `other` if there is none.
func (o Option[T]) Or(other T) T {
	if o.some {
		return o.value
	}
	return other
}

// IsSome returns whether there is a value.
func (o Option[T]) IsSome() bool { return o.some }

// String returns the value as text, or `none`.
func (o Option[T]) String() string {
	if !o.some {
		return "none"
	}
	return fmt.Sprint(o.value)
}

// MarshalJSON writes the value, or null.
func (o Option[T]) MarshalJSON() ([]byte, error) {
	if !o.some {
		return []byte("null"), nil
	}
	return json.Marshal(o.value)
}

// UnmarshalJSON reads a value, or null.
func (o *Option[T]) UnmarshalJSON(data []byte) error {
	*o = Option[T]{some: string(data) != "null"}
	if !o.some {
		return nil
	}
	return json.Unmarshal(data, &o.value)
}

// Pair is a key with its value. The host turns a JSON object into pairs, which keep their order.
type Pair[K, V any] struct {
	Key   K
	Value V
}

// Result is either a value or an error, as part of an event or a message.
type Result[T, E any] struct {
	OK    T
	Err   E
	IsErr bool
}
