package hookyard

import (
	"encoding/json"

	"hookyard/internal/host"
)

// Response is the answer to the request that brought the event.
type Response struct {
	// Status is a status from 200 to 599; 0 is 200.
	Status  int
	Headers map[string]string
	Body    []byte
}

// Respond answers the request that brought the event, if its source has `ack = "responder"`. The answer is sent if the
// handler returns nil, and in time.
func Respond(response Response) error {
	if response.Status == 0 {
		response.Status = 200
	}
	return host.Respond(host.Response(response))
}

// RespondJSON answers with a value as JSON.
func RespondJSON(status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return Respond(Response{Status: status, Headers: map[string]string{"content-type": "application/json"}, Body: body})
}
