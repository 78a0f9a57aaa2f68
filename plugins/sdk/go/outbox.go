package hookyard

import (
	"encoding/json"

	"hookyard/internal/host"
)

// Send sends a body to a destination, and returns the id of the message. The host commits the message together with the
// outcome of the attempt. Messages with the same destination and the same ordering key are sent in order.
func Send(destination string, body []byte, orderingKey ...string) (string, error) {
	key := ""
	if len(orderingKey) > 0 {
		key = orderingKey[0]
	}
	return host.Send(destination, body, len(orderingKey) > 0, key)
}

// SendJSON sends a value as JSON, like [Send].
func SendJSON(destination string, value any, orderingKey ...string) (string, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	return Send(destination, body, orderingKey...)
}
