// bench/go/context.go — cancellation.
// SPDX-License-Identifier: BSL-1.0
package main

import (
	"context"
	"testing"
)

func canceledOnes(ctx context.Context) int {
	if ctx.Err() != nil {
		return 1
	}
	return 0
}

// An operation is one context that can be cancelled, made, and cancelled when it goes.
func withCancel(b *testing.B) int {
	const rounds = 1000
	canceled := 0
	root := context.Background()
	for n := 0; n < b.N; n++ {
		for i := 0; i < rounds; i++ {
			ctx, cancel := context.WithCancel(root)
			cancel()
			canceled += canceledOnes(ctx)
		}
	}
	verify(b, canceled == b.N*rounds)
	return b.N * rounds
}

// The same below one that can be cancelled, too.
func nested(b *testing.B) int {
	const rounds = 1000
	canceled := 0
	parent, stop := context.WithCancel(context.Background())
	defer stop()
	for n := 0; n < b.N; n++ {
		for i := 0; i < rounds; i++ {
			ctx, cancel := context.WithCancel(parent)
			cancel()
			canceled += canceledOnes(ctx)
		}
	}
	verify(b, canceled == b.N*rounds)
	return b.N * rounds
}

// A thousand children are made and cancelled by their parent; an operation is one child.
func treeCancel1000(b *testing.B) int {
	const children = 1000
	canceled := 0
	for n := 0; n < b.N; n++ {
		parent, cancel := context.WithCancel(context.Background())
		var all []context.Context
		var stops []context.CancelFunc
		for i := 0; i < children; i++ {
			ctx, stop := context.WithCancel(parent)
			all = append(all, ctx)
			stops = append(stops, stop)
		}
		cancel()
		for i, ctx := range all {
			canceled += canceledOnes(ctx)
			stops[i]()
		}
	}
	verify(b, canceled == b.N*children)
	return b.N * children
}

func init() {
	row("context_with_cancel", oneWorker, withCancel)
	row("context_with_cancel_nested", oneWorker, nested)
	row("context_tree_cancel_1000", oneWorker, treeCancel1000)
}
