package host

import (
	"fmt"
	"slices"
	"unsafe"

	"hookyard/abi"
)

var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

var schemes = []string{"http", "https"}

// codes are the cases of error-code, in their order.
var codes = [...]string{
	"DNS-timeout", "DNS-error", "destination-not-found", "destination-unavailable", "destination-IP-prohibited",
	"destination-IP-unroutable", "connection-refused", "connection-terminated", "connection-timeout",
	"connection-read-timeout", "connection-write-timeout", "connection-limit-reached", "TLS-protocol-error",
	"TLS-certificate-error", "TLS-alert-received", "HTTP-request-denied", "HTTP-request-length-required",
	"HTTP-request-body-size", "HTTP-request-method-invalid", "HTTP-request-URI-invalid", "HTTP-request-URI-too-long",
	"HTTP-request-header-section-size", "HTTP-request-header-size", "HTTP-request-trailer-section-size",
	"HTTP-request-trailer-size", "HTTP-response-incomplete", "HTTP-response-header-section-size",
	"HTTP-response-header-size", "HTTP-response-body-size", "HTTP-response-trailer-section-size",
	"HTTP-response-trailer-size", "HTTP-response-transfer-coding", "HTTP-response-content-coding",
	"HTTP-response-timeout", "HTTP-upgrade-failed", "HTTP-protocol-error", "loop-detected", "configuration-error",
	"internal-error",
}

// Fetch sends a request and waits for the whole answer.
func Fetch(request Request) (Response, error) {
	abi.Pause()
	defer abi.Resume()
	fault := func(reason string) error {
		url := request.Scheme + "://" + request.Authority + request.Path
		return &Error{"http", fmt.Sprintf("%s %s: %s", request.Method, url, reason)}
	}

	handle, err := prepare(request)
	if err != "" {
		return Response{}, fault(err)
	}
	response, err := send(handle, request)
	if err != "" {
		return Response{}, fault(err)
	}
	answer, err := receive(response)
	if err != "" {
		return Response{}, fault(err)
	}
	return answer, nil
}

// prepare makes the request.
func prepare(request Request) (uint32, string) {
	result := abi.Allocate(4)
	fields := newFields()
	for name, value := range request.Headers {
		if fieldsAppend(fields, name, value, result); abi.Load[uint8](result) != 0 {
			return 0, fmt.Sprintf("the header %q is not allowed", name)
		}
	}

	handle := newRequest(fields)
	failed := setMethod(handle, number(methods, request.Method), request.Method)
	failed |= setScheme(handle, 1, number(schemes, request.Scheme), request.Scheme)
	failed |= setAuthority(handle, 1, request.Authority)
	failed |= setPath(handle, 1, request.Path)
	if failed != 0 {
		return 0, "the method or the URL is not valid"
	}
	return handle, ""
}

// number returns the number of a case, or that of the case `other` after the last one.
func number(names []string, name string) uint32 {
	if i := slices.Index(names, name); i >= 0 {
		return uint32(i)
	}
	return uint32(len(names))
}

// send sends the request with its body, and returns the answer.
func send(handle uint32, request Request) (uint32, string) {
	result := abi.Allocate(64)
	requestBody(handle, result)
	body := abi.Load[uint32](abi.At(result, 4))

	var hasOptions, options uint32
	if request.Timeout > 0 {
		hasOptions, options = 1, newOptions()
		setTimeout(options, 1, request.Timeout)
	}
	handleRequest(handle, hasOptions, options, result)
	if abi.Load[uint8](result) != 0 {
		return 0, code(abi.At(result, 8))
	}
	future := abi.Load[uint32](abi.At(result, 8))
	defer dropFuture(future)

	if err := write(body, request.Body); err != "" {
		return 0, err
	}
	return wait(future)
}

// write writes the body of a request and ends it.
func write(body uint32, data []byte) string {
	result := abi.Allocate(64)
	bodyWrite(body, result)
	stream := abi.Load[uint32](abi.At(result, 4))
	for part := range slices.Chunk(data, 4096) {
		streamWrite(stream, unsafe.Pointer(&part[0]), uint32(len(part)), result)
		if abi.Load[uint8](result) != 0 {
			return "the body could not be written"
		}
	}
	dropOutput(stream)

	result = abi.Allocate(64)
	if bodyFinish(body, 0, 0, result); abi.Load[uint8](result) != 0 {
		return code(abi.At(result, 8))
	}
	return ""
}

// wait waits for the answer.
func wait(future uint32) (uint32, string) {
	pollable := subscribe(future)
	block(pollable)
	dropPollable(pollable)

	result := abi.Allocate(64)
	futureGet(future, result)
	if abi.Load[uint8](result) == 0 || abi.Load[uint8](abi.At(result, 8)) != 0 {
		return 0, "the answer did not arrive"
	}
	if abi.Load[uint8](abi.At(result, 16)) != 0 {
		return 0, code(abi.At(result, 24))
	}
	return abi.Load[uint32](abi.At(result, 24)), ""
}

// code returns the name of an error code, with its text if it has one.
func code(p abi.Pointer) string {
	number := int(abi.Load[uint8](p))
	if number >= len(codes) {
		return fmt.Sprintf("error code %d", number)
	}
	if codes[number] == "internal-error" && abi.Load[uint8](abi.At(p, 8)) != 0 {
		return "internal-error: " + abi.LoadString(abi.At(p, 12))
	}
	return codes[number]
}

// receive reads an answer.
func receive(response uint32) (Response, string) {
	answer := Response{Status: int(responseStatus(response)), Headers: map[string]string{}}
	defer dropResponse(response)

	result := abi.Allocate(16)
	fields := responseHeaders(response)
	fieldsEntries(fields, result)
	dropFields(fields)
	abi.LoadList(result, 16, func(p abi.Pointer) string {
		name, value := abi.LoadString(p), abi.LoadString(abi.At(p, 8))
		if old, ok := answer.Headers[name]; ok {
			value = old + ", " + value
		}
		answer.Headers[name] = value
		return name
	})

	var err string
	answer.Body, err = read(response)
	return answer, err
}

// read reads the body of an answer.
func read(response uint32) ([]byte, string) {
	result := abi.Allocate(16)
	consume(response, result)
	body := abi.Load[uint32](abi.At(result, 4))
	defer dropBody(body)
	bodyStream(body, result)
	stream := abi.Load[uint32](abi.At(result, 4))
	defer dropInput(stream)

	var data []byte
	for {
		part := abi.Allocate(16)
		streamRead(stream, 1<<16, part)
		if abi.Load[uint8](part) == 0 {
			data = append(data, abi.LoadNumbers[byte](abi.At(part, 4))...)
			continue
		}
		if abi.Load[uint8](abi.At(part, 4)) == 0 {
			dropError(abi.Load[uint32](abi.At(part, 8)))
			return nil, "the body of the answer is incomplete"
		}
		return data, ""
	}
}
