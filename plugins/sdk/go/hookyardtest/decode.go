//go:build !wasm

package hookyardtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Change changes the JSON of an event.
type Change struct {
	pointer string
	value   any
}

// Set sets the member at a JSON pointer, such as `/payload/offer_id`. A nil value removes the member.
func Set(pointer string, value any) Change { return Change{pointer, value} }

// decode turns the content of an event into a value of the plugin's type. Names match as in the host.
func (w *World) decode(path string, content []byte, event any, changes []Change) {
	w.t.Helper()
	target := reflect.ValueOf(event).Elem()
	if target.Kind() == reflect.String {
		target.SetString(string(content))
		return
	}
	if body := target.FieldByName("Body"); body.IsValid() && body.Type() == reflect.TypeFor[[]byte]() {
		body.SetBytes(content)
		return
	}

	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err != nil {
		w.t.Fatalf("%s: the body of the event: %v", path, err)
	}
	for _, change := range changes {
		if err := change.apply(document); err != nil {
			w.t.Fatalf("%s: %v", path, err)
		}
	}
	named, err := renameContent(target.Type(), document)
	if err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
	text, err := json.Marshal(named)
	if err == nil {
		err = json.Unmarshal(text, event)
	}
	if err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
}

func (c Change) apply(document any) error {
	parts := strings.Split(strings.TrimPrefix(c.pointer, "/"), "/")
	for i, part := range parts {
		isLast := i == len(parts)-1
		switch inner := document.(type) {
		case map[string]any:
			if isLast && c.value == nil {
				delete(inner, part)
			} else if isLast {
				inner[part] = c.value
			}
			document = inner[part]
		case []any:
			index, err := strconv.Atoi(part)
			if err != nil || index < 0 || index >= len(inner) {
				return fmt.Errorf("%s: there is no item %q", c.pointer, part)
			}
			if isLast {
				inner[index] = c.value
			}
			document = inner[index]
		default:
			return fmt.Errorf("%s: there is no %q", c.pointer, part)
		}
	}
	return nil
}

// renameContent renames the body, or the member of the body that is the content of the event for this provider.
func renameContent(target reflect.Type, document any) (any, error) {
	named, err := rename(target, document, "$")
	if err == nil {
		return named, nil
	}
	envelope, _ := document.(map[string]any)
	for name, content := range envelope {
		named, inner := rename(target, content, "$."+name)
		if inner == nil {
			return named, nil
		}
		if _, ok := content.(map[string]any); ok {
			err = errors.Join(err, inner)
		}
	}
	return nil, err
}

// rename gives the members of objects the names of the fields in Go. It returns an error for a required field without a
// member.
func rename(target reflect.Type, document any, path string) (any, error) {
	switch {
	case isOption(target) && document == nil:
		return nil, nil
	case isOption(target):
		or, _ := target.MethodByName("Or")
		return rename(or.Type.In(1), document, path)
	case document == nil:
		return nil, fmt.Errorf("%s: found null, wanted %s", path, target)
	}

	switch inner := document.(type) {
	case map[string]any:
		if target.Kind() == reflect.Struct {
			return renameMembers(target, inner, path)
		}
	case []any:
		if target.Kind() == reflect.Slice {
			return renameItems(target.Elem(), inner, path)
		}
	default:
		if target.Kind() != reflect.Struct && target.Kind() != reflect.Slice {
			return document, nil
		}
	}
	return nil, fmt.Errorf("%s: found %s, wanted %s", path, describe(document), target)
}

func renameMembers(target reflect.Type, object map[string]any, path string) (any, error) {
	names := map[string]string{}
	for name := range object {
		names[plain(name)] = name
	}

	renamed := map[string]any{}
	for i := range target.NumField() {
		field := target.Field(i)
		name, ok := names[plain(field.Name)]
		if !ok && !isOption(field.Type) {
			return nil, fmt.Errorf("%s: there is no %s", path, field.Name)
		}
		member, err := rename(field.Type, object[name], path+"."+name)
		if err != nil {
			return nil, err
		}
		renamed[field.Name] = member
	}
	return renamed, nil
}

func renameItems(target reflect.Type, list []any, path string) (any, error) {
	renamed := make([]any, len(list))
	for i, item := range list {
		var err error
		if renamed[i], err = rename(target, item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return nil, err
		}
	}
	return renamed, nil
}

func isOption(target reflect.Type) bool {
	return target.PkgPath() == "hookyard" && strings.HasPrefix(target.Name(), "Option[")
}

// plain returns a name without its spelling: kebab, snake and camel case are the same.
func plain(name string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
}

func describe(document any) string {
	switch document.(type) {
	case nil:
		return "null"
	case bool:
		return "a bool"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	default:
		return "an object"
	}
}
