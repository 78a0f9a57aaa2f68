package hookyard

import (
	"strconv"
	"strings"
)

// MinorUnits writes an amount in minor units with a number of decimal places: 4998 with 2 places is "49.98".
func MinorUnits(amount int64, places int) string {
	digits, isNegative := strings.CutPrefix(strconv.FormatInt(amount, 10), "-")
	digits = strings.Repeat("0", max(places+1-len(digits), 0)) + digits
	if places > 0 {
		point := len(digits) - places
		digits = digits[:point] + "." + digits[point:]
	}
	if isNegative {
		return "-" + digits
	}
	return digits
}

// Sum adds the numbers of all items. It returns false if the sum does not fit into an int64.
func Sum[T any](items []T, number func(T) int64) (int64, bool) {
	var sum int64
	for _, item := range items {
		next := number(item)
		if (next > 0 && sum+next < sum) || (next < 0 && sum+next > sum) {
			return 0, false
		}
		sum += next
	}
	return sum, true
}
