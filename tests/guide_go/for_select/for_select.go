// tests/guide_go/for_select/for_select.go — the Go that docs/guide/09_for_select.md shows.
// SPDX-License-Identifier: BSL-1.0

package forselect

import "time"

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
