// tests/guide_go/done_channel/done_channel.go — the Go that docs/guide/08_done_channel.md shows.
// SPDX-License-Identifier: BSL-1.0

package donechannel

import "time"

func work() {}

// [done-late]
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
