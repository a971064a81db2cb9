// tests/guide_go/industry/industry.go — the Go that docs/guide/03_industry.md shows.
// SPDX-License-Identifier: BSL-1.0

package industry

import "context"

type Cart struct{}

func reserve(context.Context, Cart) error  { return nil }
func shipping(context.Context, Cart) error { return nil }
func pay(context.Context, Cart) error      { return nil }
func hold(context.Context, Cart) error     { return nil }
func charge(context.Context, Cart) error   { return nil }
func undo(Cart)                            {}

func checkoutAsGuide(ctx context.Context, cart Cart) error {
	// [checkout-often]
	errs := make(chan error, 3)
	go func() { errs <- reserve(ctx, cart) }()
	go func() { errs <- shipping(ctx, cart) }()
	go func() { errs <- pay(ctx, cart) }()
	for range 3 {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
	// [/checkout-often]
}

// [checkout]
func checkout(ctx context.Context, cart Cart) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return reserve(gctx, cart) })
	g.Go(func() error { return shipping(gctx, cart) })
	g.Go(func() error { return hold(gctx, cart) })
	if err := g.Wait(); err != nil {
		undo(cart)
		return err
	}
	// Not gctx: that one ends with Wait.
	return charge(ctx, cart)
}

// [/checkout]
