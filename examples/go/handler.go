// Package plugin answers the offers that end users accept in topi SaaS.
package plugin

import (
	"fmt"
	"time"

	"hookyard"
	"plugin/decide/gen/topisaas"
)

var customers = hookyard.Bucket[int]("customers")

func init() {
	topisaas.Handle(topisaas.Handler{OfferAcceptedByUser: accept, Other: skip})
}

// accept answers an offer whose lines come to its total.
func accept(delivery hookyard.Delivery, event topisaas.AcceptedByUser) error {
	accepted := event.Payload
	total := accepted.Offer.TotalPrice
	sum, ok := hookyard.Sum(accepted.Offer.OfferLines, price)
	if !ok {
		return hookyard.Reject("the sum of the lines is too large")
	}
	if sum != total.Value {
		return hookyard.Reject("the lines come to %d, not %d", sum, total.Value)
	}
	if hookyard.Setting("paused").IsSome() {
		return hookyard.Retry(time.Minute, "paused in [config]")
	}

	number, err := customers.Increment(accepted.EndCustomer.EndCustomerID, 1)
	if err != nil {
		return err
	}
	hookyard.Info("offer %s: %s %s, number %d, attempt %d", accepted.OfferID,
		hookyard.MinorUnits(sum, 2), total.Currency, number, delivery.Attempt)

	_, err = topisaas.SendOfferAccepted(topisaas.OfferAcceptedPayload{
		OfferID:     accepted.OfferID,
		Offer:       lines(accepted.Offer),
		EndCustomer: accepted.EndCustomer,
		User:        accepted.User,
	})
	return err
}

// skip logs an event of another type.
func skip(delivery hookyard.Delivery, _ string) error {
	hookyard.Info("skip %s", delivery.EventType.Or("an event without a type"))
	return nil
}

func price(line topisaas.OfferLine) int64 { return line.Price.Value }

// lines gives every line of an offer an id of ours.
func lines(offer topisaas.Offer) topisaas.AcceptedOffer {
	var accepted topisaas.AcceptedOffer
	for i := range offer.OfferLines {
		line := topisaas.AcceptedLine{ExternalID: fmt.Sprintf("line-%d", i+1)}
		accepted.OfferLines = append(accepted.OfferLines, line)
	}
	return accepted
}
