package abi

import (
	"math"
	"runtime/debug"
	"unsafe"
)

// Pointer is the address of a value in the memory that the plugin shares with the host.
type Pointer = unsafe.Pointer

// The runtime of Go must not read the clock while the host allocates memory in the plugin, because a component must not
// call an import at that time: https://github.com/bytecodealliance/wasmtime/issues/14318. Two parts of the runtime read
// it: the collector, and the scavenger, which runs when the heap grows beyond a goal. Both are therefore off, except
// while the handler runs and does not call the host.
func init() {
	debug.SetGCPercent(-1)
	started = true
}

// ordinaryLimit is beyond every memory of WebAssembly. The runtime derives the goal of the scavenger from the ratio of
// the new limit to the limit at the last collection, so raising the limit turns the scavenger off.
const ordinaryLimit = 1 << 40

// early is the memory that the WASI adapter receives before the runtime of Go has started: a stack and its state, each
// of 64 KiB.
var early [1 << 14]uint64

var (
	started   bool
	earlyUsed uint32
	running   bool
	held      []Pointer
)

//go:wasmexport cabi_realloc
func realloc(old Pointer, oldSize, align, size uint32) Pointer {
	if !started {
		start := earlyUsed
		earlyUsed += (size + 7) / 8
		return Pointer(&early[:earlyUsed][start])
	}

	fresh := Allocate(uintptr(size))
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(fresh), size), unsafe.Slice((*byte)(old), oldSize))
	}
	return fresh
}

// Begin turns the collector on, because the arguments of the handler are Go values now.
func Begin() {
	running = true
	Resume()
}

// End turns the collector off until the next event.
func End() {
	Pause()
	running = false
}

// Pause turns the collector off before values are passed to the host. It waits until a running collection has ended.
func Pause() {
	if running {
		debug.SetGCPercent(-1)
		debug.SetMemoryLimit(math.MaxInt64)
	}
}

// Resume turns the collector on again, because the results of the host are Go values now.
func Resume() {
	clear(held)
	held = held[:0]
	if running {
		debug.SetMemoryLimit(ordinaryLimit)
		debug.SetGCPercent(100)
	}
}

// Allocate returns zeroed memory that is aligned to 8 bytes and kept until [Resume].
func Allocate(size uintptr) Pointer {
	words := make([]uint64, size/8+1)
	return hold(Pointer(&words[0]))
}

// hold keeps a value until [Resume]. It also moves the value to the heap, where its address does not change.
func hold(p Pointer) Pointer {
	held = append(held, p)
	return p
}

// At returns the pointer to a field at an offset.
func At(p Pointer, offset uintptr) Pointer { return unsafe.Add(p, offset) }

// Load reads a number or a bool.
func Load[T any](p Pointer) T { return *(*T)(p) }

// LoadString reads a string.
func LoadString(p Pointer) string {
	return unsafe.String(unsafe.SliceData(LoadNumbers[byte](p)), Load[uint32](At(p, 4)))
}

// LoadNumbers reads a list of numbers.
func LoadNumbers[T any](p Pointer) []T {
	address, length := uintptr(Load[uint32](p)), Load[uint32](At(p, 4))
	if length == 0 {
		return nil
	}
	return unsafe.Slice(*(**T)(Pointer(&address)), length)
}

// LoadList reads a list with elements of a size.
func LoadList[T any](p Pointer, size uintptr, load func(Pointer) T) []T {
	list := make([]T, Load[uint32](At(p, 4)))
	address := uintptr(Load[uint32](p))
	for i := range list {
		list[i] = load(*(*Pointer)(Pointer(&address)))
		address += size
	}
	return list
}

// Store writes a number or a bool.
func Store[T any](p Pointer, value T) { *(*T)(p) = value }

// StoreString writes a string.
func StoreString(p Pointer, value string) {
	StoreNumbers(p, unsafe.Slice(unsafe.StringData(value), len(value)))
}

// StoreNumbers writes a list of numbers.
func StoreNumbers[T any](p Pointer, list []T) {
	data := hold(Pointer(unsafe.SliceData(list)))
	Store(p, uint32(uintptr(data)))
	Store(At(p, 4), uint32(len(list)))
}

// StoreList writes a list with elements of a size.
func StoreList[T any](p Pointer, size uintptr, list []T, store func(Pointer, T)) {
	base := Allocate(size * uintptr(len(list)))
	Store(p, uint32(uintptr(base)))
	Store(At(p, 4), uint32(len(list)))
	for i, value := range list {
		store(At(base, uintptr(i)*size), value)
	}
}
