package bind

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"hookyard"
	"hookyard/abi"
	"hookyard/internal/host"
)

// Run calls a handler, and returns the address of its result for the host.
func Run(delivery hookyard.Delivery, call Call) abi.Pointer {
	host.EventID, host.Requests = delivery.EventID, 0
	abi.Begin()
	err := attempt(delivery, call)
	abi.End()

	result := abi.Allocate(40)
	if err == nil {
		return result
	}
	reason, isFinal, after := failure(err)
	abi.Store(result, true)
	abi.Store(abi.At(result, 8), isFinal)
	abi.StoreString(abi.At(result, 16), reason)
	if after > 0 {
		abi.Store(abi.At(result, 24), true)
		abi.Store(abi.At(result, 32), after)
	}
	return result
}

// attempt calls a handler. A panic ends the plugin, unless its value is an error of the host.
func attempt(delivery hookyard.Delivery, call Call) (err error) {
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		if hostError, ok := fault.(*hookyard.HostError); ok {
			err = hostError
			return
		}
		fmt.Fprintf(os.Stderr, "%spanic: %v\n", stack(), fault)
		trap()
	}()
	return call(delivery)
}

// trap ends the instance like the runtime of Go does after a panic.
func trap()

// stack returns the frames of the panic in the author's code, one on each line.
func stack() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])

	var text strings.Builder
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.File, "/bind/bind.go") {
			break
		}
		if !strings.HasPrefix(frame.Function, "runtime.") {
			fmt.Fprintf(&text, "    at %s (%s:%d)\n", frame.Function, frame.File, frame.Line)
		}
		if !more {
			break
		}
	}
	return text.String()
}

// Time returns the time of a number of milliseconds since 1970.
func Time(milliseconds uint64) time.Time { return time.UnixMilli(int64(milliseconds)).UTC() }

// LoadOption reads an option with its value at an offset.
func LoadOption[T any](p abi.Pointer, offset uintptr, load func(abi.Pointer) T) hookyard.Option[T] {
	if abi.Load[uint8](p) == 0 {
		return hookyard.None[T]()
	}
	return hookyard.Some(load(abi.At(p, offset)))
}

// StoreOption writes an option with its value at an offset.
func StoreOption[T any](p abi.Pointer, offset uintptr, option hookyard.Option[T], store func(abi.Pointer, T)) {
	if value, ok := option.Get(); ok {
		abi.Store(p, uint8(1))
		store(abi.At(p, offset), value)
	}
}

// MessageID reads the result of a function that sends a message.
func MessageID(result abi.Pointer, destination string) (string, error) {
	return host.MessageID(result, destination)
}

// StoreDestination writes the destination that a call names.
func StoreDestination(p abi.Pointer, names []string) {
	if len(names) > 0 {
		abi.Store(p, uint8(1))
		abi.StoreString(abi.At(p, 4), names[0])
	}
}

// LoadResult reads a result with its payload at an offset.
func LoadResult[T, E any](p abi.Pointer, offset uintptr, ok func(abi.Pointer) T, err func(abi.Pointer) E) (r hookyard.Result[T, E]) {
	if r.IsErr = abi.Load[bool](p); r.IsErr {
		r.Err = err(abi.At(p, offset))
	} else {
		r.OK = ok(abi.At(p, offset))
	}
	return r
}

// StoreResult writes a result with its payload at an offset.
func StoreResult[T, E any](p abi.Pointer, offset uintptr, r hookyard.Result[T, E], ok func(abi.Pointer, T), err func(abi.Pointer, E)) {
	abi.Store(p, r.IsErr)
	if r.IsErr {
		err(abi.At(p, offset), r.Err)
	} else {
		ok(abi.At(p, offset), r.OK)
	}
}

// LoadNothing reads the payload of a result without a type.
func LoadNothing(abi.Pointer) (nothing struct{}) { return nothing }

// StoreNothing writes the payload of a result without a type.
func StoreNothing(abi.Pointer, struct{}) {}

// Number returns the number of an enum's case.
func Number[E ~string](value E, names ...E) int {
	number := slices.Index(names, value)
	if number < 0 {
		panic(fmt.Sprintf("%q is not one of %q", value, names))
	}
	return number
}
