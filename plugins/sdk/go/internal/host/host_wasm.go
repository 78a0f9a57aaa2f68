package host

import (
	"unsafe"

	"hookyard/abi"
)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 open
func openBucket(name string, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [resource-drop]bucket
func dropBucket(bucket uint32)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [method]bucket.get
func bucketGet(bucket uint32, key string, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [method]bucket.set
func bucketSet(bucket uint32, key string, value unsafe.Pointer, length uint32, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [method]bucket.delete
func bucketDelete(bucket uint32, key string, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [method]bucket.exists
func bucketExists(bucket uint32, key string, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [method]bucket.list-keys
func bucketKeys(bucket uint32, hasCursor uint32, cursor string, result unsafe.Pointer)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft2 increment
func bucketIncrement(bucket uint32, key string, delta int64, result unsafe.Pointer)

//go:wasmimport wasi:config/store@0.2.0-rc.1 get
func configGet(key string, result unsafe.Pointer)

//go:wasmimport wasi:config/store@0.2.0-rc.1 get-all
func configAll(result unsafe.Pointer)

//go:wasmimport hookyard:plugin/outbox@0.1.0 send
func outboxSend(to string, body unsafe.Pointer, length uint32, hasKey uint32, key string, result unsafe.Pointer)

//go:wasmimport hookyard:plugin/responder@0.1.0 respond
func responderRespond(status uint32, headers unsafe.Pointer, count uint32, body unsafe.Pointer, length uint32, result unsafe.Pointer)

// store calls a function of a bucket. The payload of its result is at the offset.
func store(name string, offset uintptr, call func(bucket uint32, result abi.Pointer)) (abi.Pointer, error) {
	result := abi.Allocate(24)
	openBucket(name, result)
	if err := storeError(result, 4); err != nil {
		return nil, err
	}
	bucket := abi.Load[uint32](abi.At(result, 4))
	defer dropBucket(bucket)

	result = abi.Allocate(24)
	call(bucket, result)
	return abi.At(result, offset), storeError(result, offset)
}

func storeError(result abi.Pointer, offset uintptr) error {
	if abi.Load[uint8](result) == 0 {
		return nil
	}
	switch abi.Load[uint8](abi.At(result, offset)) {
	case 0:
		return &Error{"keyvalue", "the name of the bucket is too long"}
	case 1:
		return &Error{"keyvalue", "access denied"}
	default:
		return &Error{"keyvalue", abi.LoadString(abi.At(result, offset+4))}
	}
}

// Get returns the value of a key, and whether there is one.
func Get(bucket, key string) ([]byte, bool, error) {
	abi.Pause()
	defer abi.Resume()
	value, err := store(bucket, 4, func(bucket uint32, result abi.Pointer) { bucketGet(bucket, key, result) })
	if err != nil || abi.Load[uint8](value) == 0 {
		return nil, false, err
	}
	return abi.LoadNumbers[byte](abi.At(value, 4)), true, nil
}

// Set writes the value of a key.
func Set(bucket, key string, value []byte) error {
	abi.Pause()
	defer abi.Resume()
	_, err := store(bucket, 4, func(bucket uint32, result abi.Pointer) {
		bucketSet(bucket, key, unsafe.Pointer(unsafe.SliceData(value)), uint32(len(value)), result)
	})
	return err
}

// Delete removes a key.
func Delete(bucket, key string) error {
	abi.Pause()
	defer abi.Resume()
	_, err := store(bucket, 4, func(bucket uint32, result abi.Pointer) { bucketDelete(bucket, key, result) })
	return err
}

// Exists returns whether a key has a value.
func Exists(bucket, key string) (bool, error) {
	abi.Pause()
	defer abi.Resume()
	value, err := store(bucket, 4, func(bucket uint32, result abi.Pointer) { bucketExists(bucket, key, result) })
	return err == nil && abi.Load[bool](value), err
}

// Keys returns all keys of a bucket.
func Keys(bucket string) ([]string, error) {
	abi.Pause()
	defer abi.Resume()
	var keys []string
	var hasCursor uint32
	var cursor string
	for {
		page, err := store(bucket, 4, func(bucket uint32, result abi.Pointer) {
			bucketKeys(bucket, hasCursor, cursor, result)
		})
		if err != nil {
			return nil, err
		}
		keys = append(keys, abi.LoadList(page, 8, abi.LoadString)...)
		if abi.Load[uint8](abi.At(page, 8)) == 0 {
			return keys, nil
		}
		hasCursor, cursor = 1, abi.LoadString(abi.At(page, 12))
	}
}

// Increment adds to a number and returns the sum.
func Increment(bucket, key string, delta int64) (int64, error) {
	abi.Pause()
	defer abi.Resume()
	sum, err := store(bucket, 8, func(bucket uint32, result abi.Pointer) {
		bucketIncrement(bucket, key, delta, result)
	})
	if err != nil {
		return 0, err
	}
	return abi.Load[int64](sum), nil
}

// Setting returns a setting, and whether there is one.
func Setting(name string) (string, bool, error) {
	abi.Pause()
	defer abi.Resume()
	result := abi.Allocate(16)
	configGet(name, result)
	if err := configError(result); err != nil || abi.Load[uint8](abi.At(result, 4)) == 0 {
		return "", false, err
	}
	return abi.LoadString(abi.At(result, 8)), true, nil
}

// Settings returns all settings.
func Settings() (map[string]string, error) {
	abi.Pause()
	defer abi.Resume()
	result := abi.Allocate(16)
	configAll(result)
	if err := configError(result); err != nil {
		return nil, err
	}
	settings := map[string]string{}
	abi.LoadList(abi.At(result, 4), 16, func(p abi.Pointer) string {
		settings[abi.LoadString(p)] = abi.LoadString(abi.At(p, 8))
		return ""
	})
	return settings, nil
}

func configError(result abi.Pointer) error {
	if abi.Load[uint8](result) == 0 {
		return nil
	}
	return &Error{"config", abi.LoadString(abi.At(result, 8))}
}

// Send sends a message to a destination, and returns the id of the message.
func Send(destination string, body []byte, hasKey bool, key string) (string, error) {
	abi.Pause()
	defer abi.Resume()
	var has uint32
	if hasKey {
		has = 1
	}
	result := abi.Allocate(16)
	outboxSend(destination, unsafe.Pointer(unsafe.SliceData(body)), uint32(len(body)), has, key, result)
	return MessageID(result, destination)
}

// MessageID reads the result of a function that sends a message.
func MessageID(result abi.Pointer, destination string) (string, error) {
	if abi.Load[uint8](result) == 0 {
		return abi.LoadString(abi.At(result, 4)), nil
	}
	if abi.Load[uint8](abi.At(result, 4)) == 0 {
		return "", NoDestination(destination)
	}
	return "", &Error{"outbox", abi.LoadString(abi.At(result, 8))}
}

// Respond answers the request that brought the event.
func Respond(response Response) error {
	abi.Pause()
	defer abi.Resume()
	headers := abi.Allocate(uintptr(16 * len(response.Headers)))
	field := headers
	for name, value := range response.Headers {
		abi.StoreString(field, name)
		abi.StoreString(abi.At(field, 8), value)
		field = abi.At(field, 16)
	}

	result := abi.Allocate(16)
	responderRespond(uint32(response.Status), headers, uint32(len(response.Headers)),
		unsafe.Pointer(unsafe.SliceData(response.Body)), uint32(len(response.Body)), result)
	if abi.Load[uint8](result) == 0 {
		return nil
	}
	switch abi.Load[uint8](abi.At(result, 4)) {
	case 0:
		return NotAsked
	case 1:
		return Already
	default:
		return &Error{"responder", abi.LoadString(abi.At(result, 8))}
	}
}
