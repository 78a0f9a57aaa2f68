package hookyard

import (
	"encoding/json"
	"fmt"

	"hookyard/internal/host"
)

// Bucket is a part of the plugin's key-value store, with values of a type: `hookyard.Bucket[int]("customers")`.
//
// Values are stored as JSON. Writes are committed together with the outcome of the attempt. If another attempt changes a
// key that this one has read, the host runs this one again from its beginning, so a handler can read, compute and write
// as if it were alone.
type Bucket[T any] string

// Get returns the value of a key, or none.
func (b Bucket[T]) Get(key string) (Option[T], error) {
	data, ok, err := host.Get(string(b), key)
	if err != nil || !ok {
		return None[T](), err
	}
	var value T
	if err := json.Unmarshal(data, &value); err != nil {
		return None[T](), &HostError{Part: "keyvalue", Reason: fmt.Sprintf("the value of %q in bucket %q: %v", key, string(b), err)}
	}
	return Some(value), nil
}

// Set writes the value of a key.
func (b Bucket[T]) Set(key string, value T) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return host.Set(string(b), key, data)
}

// Update replaces the value of a key by a value that the function computes from it, and returns the new value. The
// function gets the zero value if there is none.
func (b Bucket[T]) Update(key string, change func(T) T) (T, error) {
	old, err := b.Get(key)
	if err != nil {
		return old.value, err
	}
	value := change(old.value)
	return value, b.Set(key, value)
}

// Increment adds to a number and returns the sum. An absent number is 0.
func (b Bucket[T]) Increment(key string, by int64) (int64, error) {
	return host.Increment(string(b), key, by)
}

// GetBytes returns the bytes of a value, or none.
func (b Bucket[T]) GetBytes(key string) (Option[[]byte], error) {
	data, ok, err := host.Get(string(b), key)
	return Option[[]byte]{data, ok}, err
}

// SetBytes writes the bytes of a value.
func (b Bucket[T]) SetBytes(key string, value []byte) error { return host.Set(string(b), key, value) }

// Delete removes a key.
func (b Bucket[T]) Delete(key string) error { return host.Delete(string(b), key) }

// Exists returns whether a key has a value.
func (b Bucket[T]) Exists(key string) (bool, error) { return host.Exists(string(b), key) }

// Keys returns all keys of the bucket in the order of their bytes.
func (b Bucket[T]) Keys() ([]string, error) { return host.Keys(string(b)) }
