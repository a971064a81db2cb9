// tests/guide_go/done_channel/done_channel.go — the Go that docs/guide/08_done_channel.md shows.
// SPDX-License-Identifier: BSL-1.0

package donechannel

import (
	"context"
	"net/http"
	"sync"
	"time"
)

func work() {}

// [done-late]
// as in the Go guide
func worker(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		default:
			work()
			time.Sleep(500 * time.Millisecond)
		}
	}
}

// [/done-late]

// [done]
// right: the pause is a case
func workUntil(done <-chan struct{}) {
	for {
		work()
		select {
		case <-done:
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// [/done]

// [shutdown]
func shutDown(done chan struct{},
	workers *sync.WaitGroup) bool {
	close(done)
	stopped := make(chan struct{})
	go func() {
		workers.Wait()
		close(stopped)
	}()
	select {
	case <-stopped:
		return true
	case <-time.After(5 * time.Second):
		return false // the goroutine still waits
	}
}

// [/shutdown]

// [serve]
func serve(s *http.Server, done <-chan struct{}) error {
	failed := make(chan error, 1)
	go func() { failed <- s.ListenAndServe() }()
	select {
	case err := <-failed: // the port is taken
		return err
	case <-done:
	}
	ctx, cancel := context.WithTimeout(
		context.Background(), 5*time.Second)
	defer cancel()
	err := s.Shutdown(ctx)
	s.Close() // whoever is not done is cut off
	return err
}

// [/serve]
