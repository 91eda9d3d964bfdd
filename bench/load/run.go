package main

import (
	"math"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// lane is one connection with the agents that are its own.
type lane struct {
	exchanger
	payload
	first, step, end int // its agents are first, first+step, … below end
	changeEvery      int // requests; 0 = never
	nSent            int
	request          []byte
	counts
}

func lanes(o options) ([]*lane, error) {
	made, err := newPayload(o)
	if err != nil {
		return nil, err
	}
	changeEvery := 0
	if o.changed > 0 {
		changeEvery = max(1, int(math.Round(1/o.changed)))
	}
	all := make([]*lane, o.connections)
	for i := range all {
		all[i] = &lane{
			exchanger: newExchanger(o), payload: made, counts: newCounts(),
			first: o.first + i, step: o.connections, end: o.first + o.agents,
			changeEvery: changeEvery,
		}
	}
	return all, nil
}

// next sends the request of the next agent. Latency counts from `since`.
func (l *lane) next(since time.Time) bool {
	nAgents := (l.end - l.first + l.step - 1) / l.step
	agent := l.first + l.nSent%nAgents*l.step
	turn := 1 + uint64(l.nSent/nAgents)
	l.nSent++
	isChanged := l.changeEvery > 0 && l.nSent%l.changeEvery == 0
	l.request = l.renew(l.request[:0], agent, turn, isChanged)
	got, err := l.exchange(l.request)
	return l.add(got, err, time.Since(since))
}

func closed(o options) (any, error) {
	all, err := lanes(o)
	if err != nil {
		return nil, err
	}
	cpu, start := ownCPU(), time.Now()
	end := start.Add(time.Duration(o.seconds * float64(time.Second)))
	each(all, func(_ int, l *lane) {
		for now := start; now.Before(end); now = time.Now() {
			if !l.next(now) {
				return
			}
		}
	})
	return sum(all, time.Since(start), ownCPU()-cpu), nil
}

// open sends at a fixed rate. Latency counts from the moment at which a request was due, also when its
// connection still waited for the answer before: a server that stalls is charged for all that it delays.
func open(o options) (any, error) {
	all, err := lanes(o)
	if err != nil {
		return nil, err
	}
	n := int(o.rate * o.seconds)
	due := make([]chan time.Time, len(all))
	for i := range due {
		due[i] = make(chan time.Time, n/len(all)+1) // holds all: the pace never waits for an answer
	}
	cpu, start := ownCPU(), time.Now()
	paceErr := make(chan error, 1)
	go func() {
		paceErr <- pace(start, o.rate, n, func(i int, at time.Time) { due[i%len(due)] <- at })
		for _, one := range due {
			close(one)
		}
	}()
	each(all, func(i int, l *lane) {
		for at := range due[i] {
			if !l.next(at) {
				return
			}
		}
	})
	if err := <-paceErr; err != nil {
		return nil, err
	}
	return sum(all, time.Since(start), ownCPU()-cpu), nil
}

func register(o options) (any, error) {
	all, err := lanes(o)
	if err != nil {
		return nil, err
	}
	var acked *os.File
	if o.acked != "" {
		if acked, err = os.OpenFile(o.acked, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_TRUNC, 0o644); err != nil {
			return nil, err
		}
		defer acked.Close()
	}
	var nAcked atomic.Int64
	cpu, start := ownCPU(), time.Now()
	each(all, func(_ int, l *lane) {
		for agent := l.first; agent < l.end; agent += l.step {
			sentAt := time.Now()
			l.request = l.payload.register(l.request[:0], agent)
			got, err := l.exchange(l.request)
			if !l.add(got, err, time.Since(sentAt)) {
				return
			}
			if got.status != 200 {
				continue
			}
			if acked != nil {
				_, _ = acked.WriteString(agentID(agent) + "\n") // one write, no buffer
			}
			if nAcked.Add(1) == int64(o.killAfter) && o.kill > 0 {
				_ = syscall.Kill(o.kill, syscall.SIGKILL)
			}
		}
	})
	return sum(all, time.Since(start), ownCPU()-cpu), nil
}

func each(all []*lane, do func(int, *lane)) {
	var group sync.WaitGroup
	for i, one := range all {
		group.Go(func() {
			defer one.close()
			do(i, one)
		})
	}
	group.Wait()
}
