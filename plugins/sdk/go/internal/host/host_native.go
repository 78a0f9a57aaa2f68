//go:build !wasm

package host

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// World is the host of a test.
type World struct {
	Values   map[string]map[string][]byte
	Settings map[string]string
	Sent     []Message
	Log      []Line
	// Response is the answer to the request that brought the event, if the last attempt has one.
	Response *Response
	// Unasked says that the source does not ask for a response.
	Unasked bool
	// Refused has the destinations that are not granted.
	Refused map[string]bool
	HTTP    func(Request) (Response, error)
}

// Message is a message that the plugin sent.
type Message struct {
	Destination, OrderingKey string
	// Function is the name of the typed function in WIT, and empty for an untyped message.
	Function string
	// Payload is the value of a typed message, and the body of an untyped message.
	Payload any
}

// Line is a line of the log.
type Line struct {
	Level   string
	Message string
}

// Current is the world of the running test.
var Current = &World{Settings: map[string]string{}, Values: map[string]map[string][]byte{}}

// Get returns the value of a key, and whether there is one.
func Get(bucket, key string) ([]byte, bool, error) {
	value, ok := Current.Values[bucket][key]
	return value, ok, nil
}

// Set writes the value of a key.
func Set(bucket, key string, value []byte) error {
	if Current.Values[bucket] == nil {
		Current.Values[bucket] = map[string][]byte{}
	}
	Current.Values[bucket][key] = slices.Clone(value)
	return nil
}

// Delete removes a key.
func Delete(bucket, key string) error {
	delete(Current.Values[bucket], key)
	return nil
}

// Exists returns whether a key has a value.
func Exists(bucket, key string) (bool, error) {
	_, ok := Current.Values[bucket][key]
	return ok, nil
}

// Keys returns all keys of a bucket.
func Keys(bucket string) ([]string, error) {
	return slices.Sorted(maps.Keys(Current.Values[bucket])), nil
}

// Increment adds to a number and returns the sum.
func Increment(bucket, key string, delta int64) (int64, error) {
	var sum int64
	if value, ok := Current.Values[bucket][key]; ok {
		number, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			return 0, &Error{"keyvalue", fmt.Sprintf("the value of %q is not a number", key)}
		}
		sum = number
	}
	sum += delta
	return sum, Set(bucket, key, strconv.AppendInt(nil, sum, 10))
}

// Setting returns a setting, and whether there is one.
func Setting(name string) (string, bool, error) {
	value, ok := Current.Settings[name]
	return value, ok, nil
}

// Settings returns all settings.
func Settings() (map[string]string, error) { return maps.Clone(Current.Settings), nil }

// Send records a message.
func Send(destination string, body []byte, _ bool, key string) (string, error) {
	return Record(Message{Destination: destination, OrderingKey: key, Payload: slices.Clone(body)})
}

// Record records a message, and returns its id.
func Record(message Message) (string, error) {
	if Current.Refused[message.Destination] {
		return "", NoDestination(message.Destination)
	}
	Current.Sent = append(Current.Sent, message)
	return fmt.Sprintf("message-%d", len(Current.Sent)), nil
}

// Respond records a response.
func Respond(response Response) error {
	if Current.Unasked {
		return NotAsked
	}
	if Current.Response != nil {
		return Already
	}
	Current.Response = &response
	return nil
}

// Log records a line with a level from 0 (trace) to 4 (error).
func Log(level int, message string) {
	name := [...]string{"trace", "debug", "info", "warn", "error"}[level]
	Current.Log = append(Current.Log, Line{name, message})
}

// Fetch answers a request with the test's function.
func Fetch(request Request) (Response, error) {
	if Current.HTTP == nil {
		return Response{}, &Error{"http", "the test has no answer to requests"}
	}
	return Current.HTTP(request)
}
