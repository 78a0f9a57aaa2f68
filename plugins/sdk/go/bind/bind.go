// Package bind connects handlers to the host. Only generated code uses it.
package bind

import (
	"errors"

	"hookyard"
)

// Call is a handler with its event.
type Call func(hookyard.Delivery) error

// Event returns the call of a handler. Without a handler, the event is logged at the level `debug` and done.
func Event[T any](handler func(hookyard.Delivery, T) error, event T) Call {
	if handler == nil {
		return skip
	}
	return func(delivery hookyard.Delivery) error { return handler(delivery, event) }
}

// Bare returns the call of a handler for an event without content.
func Bare(handler func(hookyard.Delivery) error) Call {
	if handler == nil {
		return skip
	}
	return handler
}

func skip(delivery hookyard.Delivery) error {
	hookyard.Debug("no handler for %s", delivery.EventType.Or("an event without a type"))
	return nil
}

// Missing returns a call for events that arrive before the plugin has set a handler.
func Missing(name string) Call {
	return func(hookyard.Delivery) error {
		panic("the plugin has no handler: call " + name + ".Handle in a function init")
	}
}

// Destination returns the destination that a call names, or an empty text.
func Destination(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// failure returns the reason of an error, whether the host gives the event up, and the delay in milliseconds.
func failure(err error) (reason string, isFinal bool, after uint64) {
	if hookyard.IsRejected(err) {
		return err.Error(), true, 0
	}
	var retried *hookyard.Retried
	if errors.As(err, &retried) && retried.After > 0 {
		after = uint64(retried.After.Milliseconds())
	}
	return err.Error(), false, after
}
