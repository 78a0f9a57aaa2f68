// Package abi reads and writes values in the memory that the plugin shares with the host. Only generated code and this
// module use it, and only in WebAssembly.
package abi
