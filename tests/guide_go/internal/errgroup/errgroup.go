// tests/guide_go/internal/errgroup/errgroup.go — a stand-in for golang.org/x/sync/errgroup.
// SPDX-License-Identifier: BSL-1.0

// Package errgroup has what the guide needs of a package that is not in Go's standard library.
package errgroup

import (
	"context"
	"sync"
)

type Group struct {
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	once   sync.Once
	err    error
}

// WithContext returns a context that ends with the first error, or when Wait returns.
func WithContext(ctx context.Context) (*Group, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	return &Group{cancel: cancel}, ctx
}

func (g *Group) Go(f func() error) {
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

func (g *Group) Wait() error {
	g.wg.Wait()
	g.cancel(g.err)
	return g.err
}
