package plugin

import (
	"testing"

	// @other
	"hookyard"
	// @end
	"hookyard/hookyardtest"
	// @first
	"plugin/decide/gen/{{namespace.flat}}"
	// @end
)
// @first

func TestEventIsLogged(t *testing.T) {
	world := hookyardtest.New(t)
	handler := func() error { return on{{case.go}}(world.Delivery, {{namespace.flat}}.{{payload.go}}{}) }

	if err := world.Attempt(handler); err != nil {
		t.Fatal(err)
	}
	if expected := "{{case.kebab}} " + world.Delivery.EventID; world.Log[0].Message != expected {
		t.Errorf("the log is %v, without %q", world.Log, expected)
	}
}
// @end
// @other

func TestEventWithoutTypeIsRejected(t *testing.T) {
	world := hookyardtest.New(t)

	if err := onOther(world.Delivery, "{}"); !hookyard.IsRejected(err) {
		t.Errorf("the error is %v", err)
	}
}
// @end
