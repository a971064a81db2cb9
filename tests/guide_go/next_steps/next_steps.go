// tests/guide_go/next_steps/next_steps.go — the Go that docs/guide/16_next_steps.md shows.
// SPDX-License-Identifier: BSL-1.0

package next_steps

import "sync"

// [room]
type room struct {
	mu      sync.Mutex
	members map[chan string]bool // not nil
}

func (r *room) join() <-chan string {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := make(chan string, 16)
	r.members[m] = true
	return m
}

func (r *room) publish(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for m := range r.members {
		select {
		case m <- text:
		default: // full: it misses this one
		}
	}
}

// [/room]
