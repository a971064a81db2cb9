// tests/guide_go/industry/errgroup.go — a stand-in for golang.org/x/sync/errgroup, which is not in Go's standard library.
// SPDX-License-Identifier: BSL-1.0

package industry

import (
	"context"
	"sync"
)

var errgroup errgroupPackage

type errgroupPackage struct{}

type group struct {
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	once   sync.Once
	err    error
}

// As there: the context ends with the first error, or when Wait returns.
func (errgroupPackage) WithContext(ctx context.Context) (*group, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	return &group{cancel: cancel}, ctx
}

func (g *group) Go(f func() error) {
	g.wg.Add(1)
	go func() {
		defer g.wg.Done()
		if err := f(); err != nil {
			g.once.Do(func() {
				g.err = err
				g.cancel(err)
			})
		}
	}()
}

func (g *group) Wait() error {
	g.wg.Wait()
	g.cancel(g.err)
	return g.err
}
