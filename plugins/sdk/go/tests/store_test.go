package tests

import (
	"errors"
	"slices"
	"testing"

	"hookyard"
	"hookyard/hookyardtest"
)

type note struct {
	Text  string
	Count hookyard.Option[int]
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestValuesAreJSON(t *testing.T) {
	world := hookyardtest.New(t)
	notes := hookyard.Bucket[note]("notes")

	check(t, notes.Set("a", note{"é", hookyard.Some(2)}))
	check(t, notes.Set("b", note{Text: "b"}))
	if text := world.Value("notes", "a"); text != `{"Text":"é","Count":2}` {
		t.Errorf("the value is %s", text)
	}

	found, err := notes.Get("b")
	check(t, err)
	if found.Or(note{}).Text != "b" || found.Or(note{}).Count.IsSome() {
		t.Errorf("the value is %v", found)
	}
	missing, err := notes.Get("c")
	check(t, err)
	if missing.IsSome() {
		t.Errorf("the missing value is %v", missing)
	}
}

func TestNumbersAreDecimalText(t *testing.T) {
	world := hookyardtest.New(t)
	counts := hookyard.Bucket[int]("counts")

	sum, err := counts.Increment("a", 41)
	check(t, err)
	next, err := counts.Update("a", func(old int) int { return old + 1 })
	check(t, err)
	first, err := counts.Update("b", func(old int) int { return old + 1 })
	check(t, err)
	if sum != 41 || next != 42 || first != 1 || world.Value("counts", "a") != "42" {
		t.Errorf("the numbers are %d, %d, %d, %v", sum, next, first, world.Values)
	}
}

func TestKeysAreListedAndDeleted(t *testing.T) {
	hookyardtest.New(t)
	bucket := hookyard.Bucket[string]("texts")
	check(t, bucket.SetBytes("b", []byte{0xff}))
	check(t, bucket.Set("a", "1"))

	keys, err := bucket.Keys()
	check(t, err)
	check(t, bucket.Delete("b"))
	exists, err := bucket.Exists("b")
	check(t, err)
	if !slices.Equal(keys, []string{"a", "b"}) || exists {
		t.Errorf("the keys are %v, and b exists: %t", keys, exists)
	}
}

func TestOtherTypeIsErrorOfTheHost(t *testing.T) {
	world := hookyardtest.New(t)
	world.Values["counts"] = map[string][]byte{"a": []byte("text")}

	_, err := hookyard.Bucket[int]("counts").Get("a")
	var hostError *hookyard.HostError
	if !errors.As(err, &hostError) {
		t.Fatalf("the error is %v", err)
	}
	expected := `keyvalue: the value of "a" in bucket "counts": invalid character 'e' in literal true (expecting 'r')`
	if err.Error() != expected {
		t.Errorf("the error is %v", err)
	}
}
