// Package plugin does one thing for each offer id, so that all languages can be compared.
package plugin

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"hookyard"
	"hookyard/http"
	"plugin/behaviours/gen/topisaas"
)

func init() {
	topisaas.Handle(topisaas.Handler{OfferAcceptedByUser: behave, Other: other})
}

func other(delivery hookyard.Delivery, _ string) error {
	hookyard.Info("other %s", delivery.EventType.Or("none"))
	return nil
}

func behave(delivery hookyard.Delivery, event topisaas.AcceptedByUser) error {
	offer := event.Payload
	switch offer.OfferID {
	case "sum":
		sum, ok := hookyard.Sum(offer.Offer.OfferLines, func(line topisaas.OfferLine) int64 { return line.Price.Value })
		if !ok {
			return hookyard.Reject("the sum is too large")
		}
		hookyard.Info("sum %d", sum)
	case "title":
		title := offer.Offer.OfferLines[0].Title.Or("")
		points := []rune(title)
		hookyard.Info("title %d %s", len(title), string(points[:min(len(points), 12)]))
	case "lines":
		hookyard.Info("lines %d", len(offer.Offer.OfferLines))
	case "optional":
		hookyard.Info("company %s", offer.EndCustomer.CompanyName.Or("none"))
	case "delivery":
		hookyard.Info("delivery %s/%s %s %s %d", delivery.Tenant, delivery.Source, delivery.Provider,
			delivery.EventType.Or("none"), delivery.Attempt)
	case "reject":
		return hookyard.Reject("asked to reject")
	case "retry":
		return hookyard.Retry(time.Minute, "asked to retry")
	case "trap":
		trap()
	case "host-error":
		_, err := hookyard.Send("nowhere", []byte("lost"))
		return err
	case "log":
		hookyard.Trace("level trace")
		hookyard.Debug("level debug")
		slog.Info("level info")
		hookyard.Warn("level warn")
		hookyard.Error("level error")
		fmt.Println("printed")
	case "setting":
		hookyard.Info("setting %s", hookyard.Setting("mode").Or("none"))
	case "send":
		_, err := hookyard.SendJSON("raw", map[string]string{"hello": "wörld"}, "k")
		return err
	case "respond":
		headers := map[string]string{"X-Pot": "round"}
		return hookyard.Respond(hookyard.Response{Status: 201, Headers: headers, Body: []byte(`{"hello":"wörld"}`)})
	case "answer":
		_, err := topisaas.SendOfferDeclined(topisaas.OfferDeclinedPayload{OfferID: offer.OfferID, Reason: "asked to"})
		return err
	case "count", "values", "update":
		return keep(offer.OfferID)
	case "http":
		return fetch()
	case "garbage":
		return garbage()
	default:
		return hookyard.Reject("unknown behaviour %s", offer.OfferID)
	}
	return nil
}

func trap() { panic("asked to trap") }

func keep(behaviour string) error {
	counts := hookyard.Bucket[int]("counts")
	switch behaviour {
	case "count":
		number, err := counts.Increment("offers", 1)
		if err != nil {
			return err
		}
		hookyard.Info("count %d", number)
		return nil
	case "update":
		number, err := counts.Update("updates", func(old int) int { return old + 1 })
		if err != nil {
			return err
		}
		hookyard.Info("update %d", number)
		return nil
	default:
		return values()
	}
}

func values() error {
	bucket := hookyard.Bucket[json.RawMessage]("values")
	if err := bucket.Set("a", json.RawMessage("[1,2]")); err != nil {
		return err
	}
	if err := hookyard.Bucket[string]("values").Set("b", "é"); err != nil {
		return err
	}
	before, err := bucket.Exists("b")
	if err != nil {
		return err
	}
	keys, err := bucket.Keys()
	if err != nil {
		return err
	}
	if err := bucket.Delete("b"); err != nil {
		return err
	}
	after, err := bucket.Exists("b")
	if err != nil {
		return err
	}
	a, err := bucket.Get("a")
	if err != nil {
		return err
	}
	hookyard.Info("values %s %t %s %t", a.Or(nil), before, strings.Join(keys, ","), after)
	return nil
}

func fetch() error {
	answer, err := http.Get(hookyard.Setting("url").Or(""))
	if err != nil {
		return err
	}
	hookyard.Info("http %d %s", answer.Status, answer.Text())
	return nil
}

// garbage has the collector run while the host passes large values to the plugin, and the heap grow at that time.
func garbage() error {
	bucket := hookyard.Bucket[string]("garbage")
	if err := bucket.Set("large", strings.Repeat("x", 500_000)); err != nil {
		return err
	}
	for range 20 {
		value, err := bucket.Get("large")
		if err != nil {
			return err
		}
		if length := len(value.Or("")); length != 500_000 {
			return hookyard.Reject("the value has %d bytes", length)
		}
	}
	hookyard.Info("garbage of 10 MB")
	return nil
}
