//go:build !wasm || hookyard_slog

package hookyard

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"

	"hookyard/internal/host"
)

// LevelTrace is the level `trace` for log/slog.
const LevelTrace = slog.Level(-8)

// The lines of log and log/slog arrive in the log of the plugin, with their levels. `hookyard build` sets the tag
// hookyard_slog if the plugin uses one of these packages, because log/slog is a fifth of a small plugin.
func init() {
	var text bytes.Buffer
	options := &slog.HandlerOptions{Level: LevelTrace, ReplaceAttr: onlyAttributes}
	slog.SetDefault(slog.New(handler{slog.NewTextHandler(&text, options), &text, new(sync.Mutex)}))
}

// onlyAttributes removes the fields of a record that the host adds itself.
func onlyAttributes(groups []string, attribute slog.Attr) slog.Attr {
	if len(groups) == 0 && (attribute.Key == slog.TimeKey || attribute.Key == slog.LevelKey || attribute.Key == slog.MessageKey) {
		return slog.Attr{}
	}
	return attribute
}

// handler writes records of log/slog: the message, and then the attributes as text.
type handler struct {
	slog.Handler
	text *bytes.Buffer
	lock *sync.Mutex
}

func (h handler) Handle(ctx context.Context, record slog.Record) error {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.text.Reset()
	err := h.Handler.Handle(ctx, record)

	level := 2 + min(max(int(record.Level)>>2, -2), 2)
	host.Log(level, strings.TrimSpace(record.Message+" "+h.text.String()))
	return err
}

func (h handler) WithAttrs(attributes []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attributes), h.text, h.lock}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.text, h.lock}
}
