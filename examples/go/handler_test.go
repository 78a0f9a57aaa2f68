package plugin

import (
	"testing"

	"hookyard"
	"hookyard/hookyardtest"
	"plugin/decide/gen/topisaas"
)

func TestOfferIsAccepted(t *testing.T) {
	world := hookyardtest.New(t)

	if err := hookyardtest.Run(world, accept, "fixtures/good.json"); err != nil {
		t.Fatal(err)
	}
	answer := world.Sent[0].Payload.(topisaas.OfferAcceptedPayload)
	if id := answer.Offer.OfferLines[0].ExternalID; id != "line-1" {
		t.Errorf("the id of the first line is %s", id)
	}
	if number := world.Value("customers", answer.EndCustomer.EndCustomerID); number != "1" {
		t.Errorf("the number of offers is %s", number)
	}
}

func TestWrongSumIsRejected(t *testing.T) {
	world := hookyardtest.New(t)

	total := hookyardtest.Set("/payload/offer/total_price/value", 1)
	err := hookyardtest.Run(world, accept, "fixtures/good.json", total)
	if !hookyard.IsRejected(err) || err.Error() != "the lines come to 499800, not 1" {
		t.Errorf("the error is %v", err)
	}
	if len(world.Sent) > 0 || len(world.Values) > 0 {
		t.Errorf("a rejected event sent %v and wrote %v", world.Sent, world.Values)
	}
}

func TestPauseIsRetried(t *testing.T) {
	world := hookyardtest.New(t)

	err := hookyardtest.Run(world, accept, "fixtures/paused.json")
	if err == nil || err.Error() != "paused in [config]" || hookyard.IsRejected(err) {
		t.Errorf("the error is %v", err)
	}
}
