// Package plugin handles the events of {{provider.kebab}}.
package plugin

import (
	"hookyard"
	"plugin/decide/gen/{{namespace.flat}}"
)

func init() {
	var handler {{namespace.flat}}.Handler
	// @each
	handler.{{case.go}} = on{{case.go}}
	// @end
	// @each bare
	handler.{{case.go}} = on{{case.go}}
	// @end
	// @other
	handler.Other = onOther
	// @end
	{{namespace.flat}}.Handle(handler)
}
// @each

// on{{case.go}} handles the event {{case.type}}.
func on{{case.go}}(delivery hookyard.Delivery, event {{namespace.flat}}.{{payload.go}}) error {
	hookyard.Info("{{case.kebab}} %s", delivery.EventID)
	return nil
}
// @end
// @each bare

// on{{case.go}} handles the event {{case.type}}, which has no content.
func on{{case.go}}(delivery hookyard.Delivery) error {
	hookyard.Info("{{case.kebab}} %s", delivery.EventID)
	return nil
}
// @end
// @other

// onOther receives the JSON text of an event of any other type.
func onOther(delivery hookyard.Delivery, text string) error {
	if !delivery.EventType.IsSome() {
		return hookyard.Reject("the event has no type")
	}
	hookyard.Info("other %s", delivery.EventID)
	return nil
}
// @end
