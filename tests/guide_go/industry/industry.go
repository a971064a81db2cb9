// tests/guide_go/industry/industry.go — the Go that docs/guide/03_industry.md shows.
// SPDX-License-Identifier: BSL-1.0

package industry

import (
	"context"
	"sync"
	"time"

	"runnel/guide/internal/errgroup"
)

type Cart struct{}

func reserve(context.Context, Cart) error  { return nil }
func shipping(context.Context, Cart) error { return nil }
func pay(context.Context, Cart) error      { return nil }
func hold(context.Context, Cart) error     { return nil }
func charge(context.Context, Cart) error   { return nil }
func undo(Cart)                            {}

// [checkout-leaks]
// as in the Go guide
func handle(ctx context.Context, cart Cart) error {
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
}

// [/checkout-leaks]

// [checkout]
// right
func checkout(ctx context.Context, cart Cart) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return reserve(gctx, cart) })
	g.Go(func() error { return shipping(gctx, cart) })
	g.Go(func() error { return hold(gctx, cart) })
	err := g.Wait()
	if err == nil {
		err = charge(ctx, cart) // gctx ends with Wait
	}
	if err != nil {
		undo(cart)
	}
	return err
}

// [/checkout]

type Bank struct{}

func (*Bank) commit(Transfer) error { return nil }

type Transfer struct{}

type check func(context.Context, Transfer) error

func balance(context.Context, Transfer) error   { return nil }
func fraud(context.Context, Transfer) error     { return nil }
func limits(context.Context, Transfer) error    { return nil }
func sanctions(context.Context, Transfer) error { return nil }

// [transfer]
func transfer(b *Bank, t Transfer) error {
	ctx, cancel := context.WithTimeout(
		context.Background(), 3*time.Second)
	defer cancel()
	g, gctx := errgroup.WithContext(ctx)
	checks := []check{balance, fraud, limits, sanctions}
	for _, ask := range checks {
		g.Go(func() error { return ask(gctx, t) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return b.commit(t) // looks at the balance again
}

// [/transfer]

type Video struct{}

type source struct {
	name   string
	weight float64
	fetch  func(context.Context, string) ([]Video, error)
}

var sources []source

// [feed]
type answer struct {
	source string
	weight float64
	videos []Video
	err    error
}

func ask(ctx context.Context, user string) chan answer {
	ctx, cancel := context.WithTimeout(
		ctx, 500*time.Millisecond)
	defer cancel()
	answers := make(chan answer, len(sources))
	var wg sync.WaitGroup
	for _, s := range sources {
		wg.Add(1)
		go func() {
			defer wg.Done()
			v, err := s.fetch(ctx, user)
			answers <- answer{s.name, s.weight, v, err}
		}()
	}
	wg.Wait() // each hears of the deadline itself
	close(answers)
	return answers
}

// [/feed]

type Index struct{}

func (*Index) takeNearest(context.Context, Request) (int, error) { return 0, nil }

type Request struct{ rider int }

type Match struct {
	rider, driver int
	err           error
}

// [rides]
func matchRides(ctx context.Context, index *Index,
	requests <-chan Request, workers int) []Match {
	var mu sync.Mutex
	var matches []Match
	var wg sync.WaitGroup
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for r := range requests {
				driver, err := index.takeNearest(ctx, r)
				m := Match{r.rider, driver, err}
				mu.Lock()
				matches = append(matches, m)
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	return matches
}

// [/rides]

type Product struct{}

type Rating struct{}

type Page struct {
	details Product
	liked   Rating
	similar []Product
	inStock int
}

func detailsOf(context.Context, int) (Product, error)   { return Product{}, nil }
func ratingOf(context.Context, int) (Rating, error)     { return Rating{}, nil }
func similarTo(context.Context, int) ([]Product, error) { return nil, nil }
func stockOf(context.Context, int) (int, error)         { return 0, nil }

// [page]
func fetch(ctx context.Context, id int) (*Page, error) {
	var p Page
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		p.details, err = detailsOf(gctx, id)
		return err
	})
	g.Go(func() (err error) {
		p.liked, err = ratingOf(gctx, id)
		return err
	})
	g.Go(func() (err error) {
		p.similar, err = similarTo(gctx, id)
		return err
	})
	g.Go(func() (err error) {
		p.inStock, err = stockOf(gctx, id)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return &p, nil
}

// [/page]
