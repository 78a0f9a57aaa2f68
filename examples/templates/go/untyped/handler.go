// Package plugin handles events as the sender wrote them.
package plugin

import (
	"unicode/utf8"

	"hookyard"
	"plugin/decide/gen/untyped"
)

func init() { untyped.Handle(handle) }

func handle(delivery hookyard.Delivery, message untyped.Message) error {
	if !utf8.Valid(message.Body) {
		return hookyard.Reject("the body is not UTF-8")
	}
	name := delivery.EventType.Or("an event without a type")
	hookyard.Info("%s: %d bytes, %d headers", name, len(message.Body), len(message.Headers))
	return nil
}
