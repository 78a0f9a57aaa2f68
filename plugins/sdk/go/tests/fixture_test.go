package tests

import (
	"os"
	"path/filepath"
	"testing"

	"hookyard"
	"hookyard/hookyardtest"
)

type order struct {
	OrderID string
	Total   int64
	Note    hookyard.Option[string]
	Lines   []line
}

type line struct {
	SKU   hookyard.Option[uint8]
	Price hookyard.Option[struct{ MinorUnits int64 }]
}

const fixture = `{
  "event": { "provider": "shop", "type": "order.paid", "key": "k", "attempt": 3, "body": { "data": {
    "order-id": "o-1", "total": 9007199254740993, "extra": true,
    "lines": [{ "sku": 7, "price": { "minor_units": 5 } }, {}]
  } } },
  "values": { "counts": { "a": "41", "b": { "$base64": "/w==" }, "c": { "d": 1 } } },
  "expect": {}
}`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fixture.json")
	check(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestFixtureIsDecoded(t *testing.T) {
	world := hookyardtest.New(t)
	var found order
	handle := func(delivery hookyard.Delivery, event order) error {
		found = event
		if delivery.EventType.Or("") != "order.paid" || delivery.Provider != "shop" || delivery.Attempt != 3 {
			t.Errorf("the delivery is %v", delivery)
		}
		return nil
	}

	check(t, hookyardtest.Run(world, handle, write(t, fixture)))
	if found.OrderID != "o-1" || found.Total != 9007199254740993 || found.Note.IsSome() {
		t.Errorf("the event is %v", found)
	}
	if price, ok := found.Lines[0].Price.Get(); !ok || price.MinorUnits != 5 || found.Lines[1].Price.IsSome() {
		t.Errorf("the lines are %v", found.Lines)
	}
	if world.Value("counts", "a") != "41" || world.Value("counts", "b") != "\xff" || world.Value("counts", "c") != `{ "d": 1 }` {
		t.Errorf("the values are %v", world.Values)
	}
}

func TestFailedHandlerHasNoEffects(t *testing.T) {
	world := hookyardtest.New(t)
	counts := hookyard.Bucket[int]("counts")
	handle := func(_ hookyard.Delivery, event order) error {
		if _, err := counts.Increment("a", 1); err != nil {
			return err
		}
		if _, err := hookyard.Send("raw", nil); err != nil {
			return err
		}
		return hookyard.Reject("%s has the total %d", event.Note.Or("none"), event.Total)
	}

	err := hookyardtest.Run(world, handle, write(t, fixture),
		hookyardtest.Set("/data/note", "x"), hookyardtest.Set("/data/total", 5), hookyardtest.Set("/data/lines", []any{}))
	if err == nil || err.Error() != "x has the total 5" {
		t.Errorf("the error is %v", err)
	}
	if world.Value("counts", "a") != "41" || len(world.Sent) > 0 {
		t.Errorf("the values are %v, and %v is sent", world.Values, world.Sent)
	}
}
