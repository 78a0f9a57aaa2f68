// Package plugin handles events as the sender wrote them.
package plugin

import (
	"bytes"

	"hookyard"
	"plugin/decide/gen/untyped"
)

func init() { untyped.Handle(handle) }

// handle logs an event. It rejects an event that can never be handled; any other error has the host call it again later.
func handle(delivery hookyard.Delivery, message untyped.Message) error {
	if len(bytes.TrimSpace(message.Body)) == 0 {
		return hookyard.Reject("the body is empty")
	}
	hookyard.Info("%s: %d bytes, %d headers", delivery.EventType.Or("an event without a type"),
		len(message.Body), len(message.Headers))
	return nil
}
