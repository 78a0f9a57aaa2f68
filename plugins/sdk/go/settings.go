package hookyard

import (
	"fmt"
	"strconv"
	"strings"

	"hookyard/internal/host"
)

// Setting returns a value of `[config]` in the plugin's settings file.
func Setting(name string) Option[string] {
	value, ok, err := host.Setting(name)
	if err != nil {
		panic(err)
	}
	return Option[string]{value, ok}
}

// Settings returns all values of `[config]` in the plugin's settings file.
func Settings() map[string]string {
	settings, err := host.Settings()
	if err != nil {
		panic(err)
	}
	return settings
}

// SettingAs returns a setting as a number, a bool, or a list of the parts between commas.
func SettingAs[T int64 | float64 | bool | []string](name string) (Option[T], error) {
	text, ok := Setting(name).Get()
	if !ok {
		return None[T](), nil
	}

	var value any
	var err error
	var kind string
	switch any(*new(T)).(type) {
	case int64:
		kind = "a whole number"
		value, err = strconv.ParseInt(text, 10, 64)
	case float64:
		kind = "a number"
		value, err = strconv.ParseFloat(text, 64)
	case bool:
		kind = "true or false"
		value, err = strconv.ParseBool(text)
	default:
		value = strings.Split(text, ",")
	}
	if err != nil {
		return None[T](), &HostError{Part: fmt.Sprintf("setting %q", name), Reason: fmt.Sprintf("%q is not %s", text, kind)}
	}
	return Some(value.(T)), nil
}
