//go:build !hookyard_logging

package host

import "os"

// Log writes a line with a level from 0 (trace) to 4 (error), in the form in which the host shows wasi:logging.
func Log(level int, message string) {
	stream := os.Stdout
	if level == 4 {
		stream = os.Stderr
	}
	stream.WriteString([...]string{"trace: ", "debug: ", "", "warn: ", "error: "}[level] + message + "\n")
}
