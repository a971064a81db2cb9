// tests/guide_go/for_select/for_select.go — the Go that docs/guide/09_for_select.md shows.
// SPDX-License-Identifier: BSL-1.0

package forselect

import (
	"context"
	"errors"
	"log"
	"net/http"
	"strings"
	"time"
)

type counts struct{ checks, ticks int }

// [for-select]
func watchOver(done <-chan struct{},
	checks <-chan string) (n counts) {
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case _, ok := <-checks:
			if !ok {
				checks = nil
				continue
			}
			n.checks++
		case <-ticker.C:
			n.ticks++
		case <-done:
			return n
		}
	}
}

// [/for-select]

const collector = "http://127.0.0.1:8080/metrics"

func measure() string { return "" }

// [collect]
func send(ctx context.Context, metrics string) error {
	ctx, cancel := context.WithTimeout(
		ctx, 30*time.Second)
	defer cancel()
	push, err := http.NewRequestWithContext(ctx,
		http.MethodPost, collector,
		strings.NewReader(metrics))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(push)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

func collectMetrics(ctx context.Context) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
			err := send(ctx, measure())
			if err != nil && ctx.Err() == nil {
				log.Print("failed to send: ", err)
			}
		}
	}
}

// [/collect]
