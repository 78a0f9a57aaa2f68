package tests

import (
	"errors"
	"fmt"
	"log"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"hookyard"
	"hookyard/bind"
	"hookyard/hookyardtest"
)

func TestErrorsKeepTheirKindWhenWrapped(t *testing.T) {
	rejected := fmt.Errorf("line 3: %w", hookyard.Reject("it costs %d", 5))
	if !hookyard.IsRejected(rejected) || rejected.Error() != "line 3: it costs 5" {
		t.Errorf("the error is %v", rejected)
	}

	retry := hookyard.Retry(time.Minute, "busy")
	var retried *hookyard.Retried
	if hookyard.IsRejected(retry) || !errors.As(retry, &retried) || retried.After != time.Minute {
		t.Errorf("the error is %v", retry)
	}
}

func TestSettingsAreTyped(t *testing.T) {
	world := hookyardtest.New(t)
	world.Settings = map[string]string{"limit": "abc", "on": "true", "countries": "DE,AT"}

	if hookyard.Setting("missing").Or("none") != "none" || len(hookyard.Settings()) != 3 {
		t.Error("the settings differ")
	}
	if on, err := hookyard.SettingAs[bool]("on"); err != nil || !on.Or(false) {
		t.Errorf("on is %v: %v", on, err)
	}
	if list, err := hookyard.SettingAs[[]string]("countries"); err != nil || len(list.Or(nil)) != 2 {
		t.Errorf("the countries are %v: %v", list, err)
	}
	if missing, err := hookyard.SettingAs[float64]("missing"); err != nil || missing.IsSome() {
		t.Errorf("the missing setting is %v: %v", missing, err)
	}
	_, err := hookyard.SettingAs[int64]("limit")
	if err == nil || err.Error() != `setting "limit": "abc" is not a whole number` {
		t.Errorf("the error is %v", err)
	}
}

func TestLogHasLevels(t *testing.T) {
	world := hookyardtest.New(t)

	hookyard.Trace("a %d", 1)
	hookyard.Error("b")
	slog.Log(t.Context(), hookyard.LevelTrace, "c")
	slog.Debug("d")
	slog.With("id", 7).WithGroup("offer").Warn("e", "sum", 5, "time", "noon")
	slog.Error("f")
	log.Printf("g %d", 2)

	var lines []string
	for _, line := range world.Log {
		lines = append(lines, line.Level+" "+line.Message)
	}
	expected := "trace a 1|error b|trace c|debug d|warn e id=7 offer.sum=5 offer.time=noon|error f|info g 2"
	if found := strings.Join(lines, "|"); found != expected {
		t.Errorf("the log is %s", found)
	}
}

func TestMessageIsSentWithKey(t *testing.T) {
	world := hookyardtest.New(t)
	world.Refused["nowhere"] = true

	id, err := hookyard.SendJSON("raw", map[string]string{"hello": "wörld"}, "k")
	check(t, err)
	message := world.Sent[0]
	if id != "message-1" || message.OrderingKey != "k" || string(message.Payload.([]byte)) != `{"hello":"wörld"}` {
		t.Errorf("the message %s is %v", id, message)
	}
	_, err = hookyard.Send("nowhere", nil)
	if err == nil || err.Error() != `outbox: no destination "nowhere" is granted` {
		t.Errorf("the error is %v", err)
	}
}

func TestResponseOfASuccessfulAttemptIsKept(t *testing.T) {
	world := hookyardtest.New(t)
	respond := func() error { return hookyard.RespondJSON(201, []int{1, 2}) }

	check(t, world.Attempt(respond))
	response := world.Response
	if response.Status != 201 || string(response.Body) != "[1,2]" || response.Headers["content-type"] != "application/json" {
		t.Errorf("the response is %v", response)
	}

	err := world.Attempt(func() error { return errors.Join(respond(), respond()) })
	if err == nil || err.Error() != "responder: this attempt has responded already" || world.Response != nil {
		t.Errorf("the response is %v: %v", world.Response, err)
	}
	world.Unasked = true
	if err := world.Attempt(respond); err == nil || !strings.Contains(err.Error(), "does not ask") {
		t.Errorf("the error is %v", err)
	}
}

func TestEventWithoutHandlerIsLogged(t *testing.T) {
	world := hookyardtest.New(t)
	world.Delivery.EventType = hookyard.Some("order.paid")
	var none func(hookyard.Delivery, string) error

	check(t, bind.Event(none, "x")(world.Delivery))
	check(t, bind.Bare(nil)(world.Delivery))
	if len(world.Log) != 2 || world.Log[0] != (hookyardtest.Line{Level: "debug", Message: "no handler for order.paid"}) {
		t.Errorf("the log is %v", world.Log)
	}
}

func TestMinorUnitsAreExact(t *testing.T) {
	for amount, expected := range map[int64]string{
		4998: "49.98", 5: "0.05", 0: "0.00", -5: "-0.05", -12345: "-123.45", math.MinInt64: "-92233720368547758.08",
	} {
		if text := hookyard.MinorUnits(amount, 2); text != expected {
			t.Errorf("%d is %s", amount, text)
		}
	}
	if text := hookyard.MinorUnits(500, 0); text != "500" {
		t.Errorf("500 is %s", text)
	}
}

func TestSumReportsOverflow(t *testing.T) {
	sum := func(numbers ...int64) (int64, bool) {
		return hookyard.Sum(numbers, func(number int64) int64 { return number })
	}
	if total, ok := sum(1, -2, math.MaxInt64); !ok || total != math.MaxInt64-1 {
		t.Errorf("the sum is %d, %t", total, ok)
	}
	for _, numbers := range [][]int64{{math.MaxInt64, 1}, {math.MinInt64, -1}} {
		if total, ok := sum(numbers...); ok {
			t.Errorf("the sum of %v is %d", numbers, total)
		}
	}
}
