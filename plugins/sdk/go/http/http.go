// Package http sends requests to the hosts that the operator grants to the plugin.
//
// The host adds credentials, so the code of the plugin has none. A request stays sent if the attempt fails later.
package http

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"hookyard"
	"hookyard/internal/host"
)

// Request is a request. Only the URL is required.
type Request struct {
	// Method is GET by default, and POST with a body.
	Method string
	URL    string
	// Headers are sent as well. Without an `idempotency-key`, it is the event's id with the number of the request.
	Headers map[string]string
	Body    []byte
	// JSON is a value for the body.
	JSON any
	// Timeout is the time until the first byte of the answer. It can only shorten the limit of the host.
	Timeout time.Duration
}

// Response is an answer.
type Response struct {
	Status  int
	Headers map[string]string
	Body    []byte
	request string
}

// Get sends a GET request.
func Get(url string) (*Response, error) { return Do(Request{URL: url}) }

// Post sends a value as JSON by a POST request.
func Post(url string, value any) (*Response, error) { return Do(Request{URL: url, JSON: value}) }

// Do sends a request and waits for the whole answer, whatever its status is.
func Do(request Request) (*Response, error) {
	scheme, rest, ok := strings.Cut(request.URL, "://")
	if !ok {
		return nil, &hookyard.HostError{Part: "http", Reason: fmt.Sprintf("%q is not an absolute URL", request.URL)}
	}
	rest, _, _ = strings.Cut(rest, "#")
	authority, path := rest, "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if strings.HasPrefix(path, "?") {
		path = "/" + path
	}

	headers := map[string]string{}
	for name, value := range maps.All(request.Headers) {
		headers[strings.ToLower(name)] = value
	}
	body := request.Body
	if request.JSON != nil {
		data, err := json.Marshal(request.JSON)
		if err != nil {
			return nil, err
		}
		body = data
		setDefault(headers, "content-type", "application/json")
	}
	host.Requests++
	setDefault(headers, "idempotency-key", fmt.Sprintf("%s-%d", host.EventID, host.Requests))

	method := request.Method
	if method == "" && body == nil {
		method = "GET"
	} else if method == "" {
		method = "POST"
	}
	answer, err := host.Fetch(host.Request{
		Method: method, Scheme: scheme, Authority: authority, Path: path,
		Headers: headers, Body: body, Timeout: uint64(request.Timeout),
	})
	if err != nil {
		return nil, err
	}
	return &Response{answer.Status, answer.Headers, answer.Body, method + " " + request.URL}, nil
}

func setDefault(headers map[string]string, name, value string) {
	if _, ok := headers[name]; !ok {
		headers[name] = value
	}
}

// Text returns the body as text.
func (r *Response) Text() string { return string(r.Body) }

// JSON reads the body as JSON into a value.
func (r *Response) JSON(value any) error {
	if err := json.Unmarshal(r.Body, value); err != nil {
		return &hookyard.HostError{Part: "http", Reason: fmt.Sprintf("%s: the answer is not the expected JSON: %v", r.request, err)}
	}
	return nil
}

// OrRetry returns an error for an answer that is not a success: a retry for the statuses 408, 429 and 5xx, with the
// delay of `retry-after` in seconds, and a host's error for others.
func (r *Response) OrRetry() error {
	if r.Status < 400 {
		return nil
	}
	reason := fmt.Sprintf("%s: the status is %d", r.request, r.Status)
	if r.Status != 408 && r.Status != 429 && r.Status < 500 {
		return &hookyard.HostError{Part: "http", Reason: reason}
	}
	seconds, _ := strconv.Atoi(r.Headers["retry-after"])
	return hookyard.Retry(time.Duration(seconds)*time.Second, "%s", reason)
}
