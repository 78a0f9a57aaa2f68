//go:build !wasm

package bind

import "hookyard/internal/host"

// Record records a typed message in the world of the test.
func Record(function string, payload any, destination string) (string, error) {
	return host.Record(host.Message{Function: function, Payload: payload, Destination: destination})
}
