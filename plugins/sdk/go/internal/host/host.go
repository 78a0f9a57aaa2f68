// Package host has what the host offers to a plugin: imports in WebAssembly, and a world of plain values in tests.
package host

import "fmt"

// Error is an error of the host.
type Error struct {
	// Part is the part of the host, such as `outbox`.
	Part string
	// Reason is the text of the host.
	Reason string
}

func (e *Error) Error() string { return e.Part + ": " + e.Reason }

// NoDestination returns the error of a message to a destination that the operator did not grant.
func NoDestination(name string) error {
	if name == "" {
		return &Error{"outbox", "not exactly one destination of this provider is granted"}
	}
	return &Error{"outbox", fmt.Sprintf("no destination %q is granted", name)}
}

// NotAsked is the error of a response that the source does not ask for, and Already that of a second response.
var (
	NotAsked = &Error{"responder", "the source does not ask this plugin for a response"}
	Already  = &Error{"responder", "this attempt has responded already"}
)

// Request is an HTTP request.
type Request struct {
	Method, Scheme, Authority, Path string
	Headers                         map[string]string
	Body                            []byte
	// Timeout is the time in nanoseconds until the first byte of the answer; 0 is the limit of the host.
	Timeout uint64
}

// Response is the answer to an HTTP request, or to the request that brought the event.
type Response struct {
	Status  int
	Headers map[string]string
	Body    []byte
}

// EventID is the id of the event that the plugin handles.
var EventID string

// Requests is the number of the HTTP requests of this attempt.
var Requests int
