package hookyard

import (
	"fmt"

	"hookyard/internal/host"
)

// Trace writes a line of the level `trace` to the log.
func Trace(format string, arguments ...any) { host.Log(0, fmt.Sprintf(format, arguments...)) }

// Debug writes a line of the level `debug` to the log.
func Debug(format string, arguments ...any) { host.Log(1, fmt.Sprintf(format, arguments...)) }

// Info writes a line to the log.
func Info(format string, arguments ...any) { host.Log(2, fmt.Sprintf(format, arguments...)) }

// Warn writes a line of the level `warn` to the log.
func Warn(format string, arguments ...any) { host.Log(3, fmt.Sprintf(format, arguments...)) }

// Error writes a line of the level `error` to the log.
func Error(format string, arguments ...any) { host.Log(4, fmt.Sprintf(format, arguments...)) }
