//go:build hookyard_logging

package host

import "hookyard/abi"

//go:wasmimport wasi:logging/logging@0.1.0-draft log
func writeLog(level uint32, context, message string)

// Log writes a line with a level from 0 (trace) to 4 (error).
func Log(level int, message string) {
	abi.Pause()
	writeLog(uint32(level), "", message)
	abi.Resume()
}
