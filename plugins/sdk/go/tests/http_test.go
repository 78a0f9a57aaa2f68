package tests

import (
	"fmt"
	"testing"
	"time"

	"hookyard"
	"hookyard/hookyardtest"
	"hookyard/http"
)

func TestRequestHasMethodPathAndKey(t *testing.T) {
	world := hookyardtest.New(t)
	world.Delivery.EventID = "e-1"
	var requests []hookyardtest.Request
	world.HTTP = func(request hookyardtest.Request) (hookyardtest.Response, error) {
		requests = append(requests, request)
		return hookyardtest.Response{Status: 200, Body: []byte(`{"id":9007199254740993}`)}, nil
	}

	err := world.Attempt(func() error {
		answer, err := http.Post("https://api.example.com?a=1#top", map[string]int{"sum": 5})
		check(t, err)
		var value struct{ ID int64 }
		check(t, answer.JSON(&value))
		if value.ID != 9007199254740993 || answer.OrRetry() != nil {
			t.Errorf("the answer is %v", value)
		}
		_, err = http.Do(http.Request{URL: "http://a:81/b", Headers: map[string]string{"Idempotency-Key": "mine"}})
		return err
	})
	check(t, err)

	post, get := requests[0], requests[1]
	if post.Method != "POST" || post.Scheme != "https" || post.Authority != "api.example.com" || post.Path != "/?a=1" {
		t.Errorf("the request is %v", post)
	}
	if string(post.Body) != `{"sum":5}` || post.Headers["content-type"] != "application/json" {
		t.Errorf("the request is %v", post)
	}
	if post.Headers["idempotency-key"] != "e-1-1" || get.Headers["idempotency-key"] != "mine" {
		t.Errorf("the headers are %v and %v", post.Headers, get.Headers)
	}
	if get.Method != "GET" || get.Authority != "a:81" || get.Path != "/b" {
		t.Errorf("the request is %v", get)
	}
}

func TestStatusDecidesAboutRetry(t *testing.T) {
	world := hookyardtest.New(t)
	for status, expected := range map[int]string{
		204: "done", 302: "done", 404: "host", 408: "retry", 429: "retry", 503: "retry",
	} {
		world.HTTP = func(hookyardtest.Request) (hookyardtest.Response, error) {
			return hookyardtest.Response{Status: status, Headers: map[string]string{"retry-after": "7"}}, nil
		}
		answer, err := http.Get("https://api.example.com/x")
		check(t, err)

		found := "done"
		switch err := answer.OrRetry().(type) {
		case *hookyard.HostError:
			found = "host"
		case *hookyard.Retried:
			found = "retry"
			if err.After != 7*time.Second || err.Reason != fmt.Sprintf("GET https://api.example.com/x: the status is %d", status) {
				t.Errorf("the retry is %v", err)
			}
		}
		if found != expected {
			t.Errorf("%d is %s", status, found)
		}
	}
}

func TestRelativeURLIsRefused(t *testing.T) {
	hookyardtest.New(t)
	if _, err := http.Get("/x"); err == nil || err.Error() != `http: "/x" is not an absolute URL` {
		t.Errorf("the error is %v", err)
	}
}
