// tests/guide_go/goroutines/goroutines.go — the Go that docs/guide/04_goroutines.md shows.
// SPDX-License-Identifier: BSL-1.0

package goroutines

import (
	"sync"
	"sync/atomic"
)

// [goroutine]
func concurrent(done *atomic.Int64) {
	var wg sync.WaitGroup
	for i := 1; i <= 3; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			done.Add(int64(i))
		}()
	}
	wg.Wait()
}

// [/goroutine]
