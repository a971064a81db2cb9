// tests/guide_go/mutex/mutex.go — the Go that docs/guide/14_mutex.md shows.
// SPDX-License-Identifier: BSL-1.0

package mutex

import (
	"maps"
	"sync"
)

// [counter]
type counter struct {
	mu    sync.Mutex
	value int
}

func (c *counter) Increment() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.value++
}

func (c *counter) Value() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value
}

// [/counter]

// [cache]
type cache struct {
	mu   sync.RWMutex
	data map[string]string
}

func newCache() *cache {
	return &cache{data: map[string]string{}}
}

func (c *cache) get(key string) (string, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	value, ok := c.data[key]
	return value, ok
}

func (c *cache) set(key, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.data[key] = value
}

// [/cache]

// [stats]
type counts struct{ requests, errors int }

type requestStats struct {
	mu     sync.RWMutex
	counts map[string]counts // not nil
}

func (s *requestStats) record(endpoint string,
	failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts[endpoint]
	c.requests++
	if failed {
		c.errors++
	}
	s.counts[endpoint] = c
}

func (s *requestStats) all() map[string]counts {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.counts)
}

// [/stats]
