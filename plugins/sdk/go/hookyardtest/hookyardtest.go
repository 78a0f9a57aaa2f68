//go:build !wasm

// Package hookyardtest runs handlers in tests without WebAssembly, in a world of plain values:
//
//	world := hookyardtest.New(t)
//	err := hookyardtest.Run(world, accept, "fixtures/good.json")
//
// `hookyard test` runs the same fixtures in the real host, and decodes events in the host's own way.
package hookyardtest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"testing"
	"time"

	"hookyard"
	"hookyard/internal/host"
)

// World is the host of a test: what the plugin reads, wrote, sent and logged.
type World struct {
	*host.World
	// Delivery is passed to the handler.
	Delivery hookyard.Delivery

	t testing.TB
}

// Message is a message that the plugin sent.
type Message = host.Message

// Line is a line of the log.
type Line = host.Line

// Request is an HTTP request of the plugin.
type Request = host.Request

// Response is an answer of the test to an HTTP request, or the response of a handler.
type Response = host.Response

// New makes an empty world for a test. Tests with a world must not run in parallel.
func New(t testing.TB) *World {
	world := &World{
		World: &host.World{
			Values:   map[string]map[string][]byte{},
			Settings: map[string]string{},
			Refused:  map[string]bool{},
		},
		Delivery: hookyard.Delivery{
			EventID: "00000000-0000-0000-0000-000000000001", Tenant: "acme", Source: "test",
			Key: "key-1", Attempt: 1, ReceivedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		},
		t: t,
	}
	before := host.Current
	host.Current = world.World
	t.Cleanup(func() { host.Current = before })
	return world
}

// Value returns a value of the key-value store as text, or an empty text.
func (w *World) Value(bucket, key string) string { return string(w.Values[bucket][key]) }

// fixture is the part of a fixture that a test without the host needs.
type fixture struct {
	Event struct {
		ID, Provider, Source, Type, Key string

		Attempt    uint32
		ReceivedAt time.Time `json:"received_at"`
		Body       json.RawMessage
		BodyText   *string `json:"body_text"`
		BodyBase64 *string `json:"body_base64"`
	}
	Values map[string]map[string]json.RawMessage
	Config map[string]string
}

// Run calls a handler with the event of a fixture. Changes of the event are made to its JSON first: see [Set]. As in
// the host, a handler that fails writes, sends and answers nothing.
func Run[T any](w *World, handle func(hookyard.Delivery, T) error, path string, changes ...Change) error {
	w.t.Helper()
	fixture := w.read(path)
	var event T
	w.decode(path, fixture.content(w.t), &event, changes)
	return w.Attempt(func() error { return handle(w.Delivery, event) })
}

// Attempt calls a function as a handler. If it returns an error, its writes, messages and response are dropped.
func (w *World) Attempt(handler func() error) error {
	values, sent := map[string]map[string][]byte{}, w.Sent
	for bucket, entries := range w.Values {
		values[bucket] = maps.Clone(entries)
	}
	host.EventID, host.Requests = w.Delivery.EventID, 0
	w.Response = nil

	err := handler()
	if err != nil {
		w.Values, w.Sent, w.Response = values, sent, nil
	}
	return err
}

// read reads a fixture, and puts its values, settings and facts into the world.
func (w *World) read(path string) fixture {
	w.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	var fixture fixture
	if err := json.Unmarshal(text, &fixture); err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}

	for bucket, entries := range fixture.Values {
		for key, value := range entries {
			if err := host.Set(bucket, key, bytesOf(value)); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	maps.Copy(w.Settings, fixture.Config)
	event, delivery := fixture.Event, &w.Delivery
	delivery.EventID = cmp.Or(event.ID, delivery.EventID)
	delivery.Provider = cmp.Or(event.Provider, delivery.Provider)
	delivery.Source = cmp.Or(event.Source, delivery.Source)
	delivery.Key = cmp.Or(event.Key, delivery.Key)
	delivery.Attempt = cmp.Or(event.Attempt, delivery.Attempt)
	delivery.ReceivedAt = cmp.Or(event.ReceivedAt, delivery.ReceivedAt)
	if event.Type != "" {
		delivery.EventType = hookyard.Some(event.Type)
	}
	return fixture
}

// content returns the body of the event.
func (f fixture) content(t testing.TB) []byte {
	switch {
	case f.Event.BodyText != nil:
		return []byte(*f.Event.BodyText)
	case f.Event.BodyBase64 != nil:
		data, err := base64.StdEncoding.DecodeString(*f.Event.BodyBase64)
		if err != nil {
			t.Fatal(err)
		}
		return data
	default:
		return f.Event.Body
	}
}

// bytesOf returns the bytes of a value in a fixture.
func bytesOf(value json.RawMessage) []byte {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return []byte(text)
	}
	var encoded struct {
		Base64 *string `json:"$base64"`
	}
	if json.Unmarshal(value, &encoded) == nil && encoded.Base64 != nil {
		if data, err := base64.StdEncoding.DecodeString(*encoded.Base64); err == nil {
			return data
		}
	}
	return value
}
