package plugin

import (
	"testing"

	"hookyard"
	"hookyard/hookyardtest"
	"plugin/decide/gen/untyped"
)

func run(world *hookyardtest.World, body string) error {
	return world.Attempt(func() error { return handle(world.Delivery, untyped.Message{Body: []byte(body)}) })
}

func TestEventIsLogged(t *testing.T) {
	world := hookyardtest.New(t)

	if err := run(world, "hello"); err != nil {
		t.Fatal(err)
	}
	if expected := "an event without a type: 5 bytes, 0 headers"; world.Log[0].Message != expected {
		t.Errorf("the log is %v, without %q", world.Log, expected)
	}
}

func TestOtherBytesAreRejected(t *testing.T) {
	if err := run(hookyardtest.New(t), "\xff"); !hookyard.IsRejected(err) {
		t.Errorf("the error is %v", err)
	}
}
