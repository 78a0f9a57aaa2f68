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
	hookyard.Debug("%+v", event)
	return check(delivery)
}

// @end
// @each bare
// on{{case.go}} handles the event {{case.type}}, which has no content.
func on{{case.go}}(delivery hookyard.Delivery) error {
	hookyard.Info("{{case.kebab}} %s", delivery.EventID)
	return check(delivery)
}

// @end
// @other
// onOther receives the JSON of all other events.
func onOther(delivery hookyard.Delivery, _ string) error {
	hookyard.Info("skip %s", delivery.EventType.Or("an event without a type"))
	return nil
}

// @end
// check rejects an event that can never be handled. Any other error has the host call the handler again later.
func check(delivery hookyard.Delivery) error {
	if delivery.Key == "" {
		return hookyard.Reject("the event has no key")
	}
	return nil
}
