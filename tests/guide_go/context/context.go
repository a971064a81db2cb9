// tests/guide_go/context/context.go — the Go that docs/guide/15_context.md shows.
// SPDX-License-Identifier: BSL-1.0

package context

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

func slowCall(user string) (string, error) { return user, nil }

// [fetch]
func fetch(user string) (string, error) {
	ctx, cancel := context.WithTimeout(
		context.Background(), 5*time.Second)
	defer cancel()
	result := make(chan string) // no room
	failed := make(chan error)  // no room
	go func() {
		data, err := slowCall(user)
		if err != nil {
			failed <- err
			return
		}
		result <- data
	}()
	select {
	case data := <-result:
		return data, nil
	case err := <-failed:
		return "", err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// [/fetch]

// [errors]
func tryFetch(user string) (string, error) {
	data, err := fetch(user)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "too slow", nil
	case errors.Is(err, context.Canceled):
		return "not wanted any more", nil
	}
	return data, err
}

// [/errors]

// [kinds]
func kinds() []error {
	root := context.Background()
	cancelled, cancel :=
		context.WithCancelCause(root)
	limited, stop := context.WithTimeout(
		cancelled, 5*time.Second)
	defer stop()
	dated, end := context.WithDeadline(limited,
		time.Now().Add(10*time.Second))
	defer end()
	cancel(syscall.ENOSPC)
	return []error{root.Err(), limited.Err(),
		context.Cause(dated)}
}

// [/kinds]

// [value]
type requestID struct{} // a type of our own

func logLine(ctx context.Context,
	text string) string {
	id, ok := ctx.Value(requestID{}).(string)
	if !ok {
		id = "no request"
	}
	return id + ": " + text
}

// [/value]

// [call]
type user struct{ ID, Name string }

func callExternalAPI(ctx context.Context,
	server, id string) (u user, err error) {
	req, err := http.NewRequestWithContext(ctx,
		"GET", server+"/users/"+url.PathEscape(id),
		nil)
	if err != nil {
		return u, err
	}
	req.Header.Set("Authorization", "Bearer token")
	req.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return u, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return u, errors.New(resp.Status)
	}
	err = json.NewDecoder(resp.Body).Decode(&u)
	return u, err
}

// [/call]
