package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// reading is the JSON line of a run of readers.
type reading struct {
	Readers int            `json:"readers"` // that were greeted
	Events  map[string]int `json:"events"`  // by name, of all readers
	Agents  int            `json:"agents"`  // in those events
	Bytes   int            `json:"bytes"`
	Broken  int            `json:"broken"` // readers whose stream ended before the time
	Error   string         `json:"error"`
	Seconds float64        `json:"seconds"`
	CPU     float64        `json:"cpu_seconds"`
}

// read opens the stream of changes as so many browsers would, and counts what comes.
func read(o options) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(o.seconds*float64(time.Second)))
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	all := reading{Events: map[string]int{}}
	var lock sync.Mutex
	var group sync.WaitGroup
	cpu, start := ownCPU(), time.Now()
	for i := range o.connections {
		group.Go(func() {
			one, err := readOne(ctx, client, o, i < o.stalled)
			lock.Lock()
			defer lock.Unlock()
			all.add(one, err)
		})
	}
	group.Wait()
	all.Seconds, all.CPU = time.Since(start).Seconds(), ownCPU()-cpu
	return all, nil
}

func (r *reading) add(one reading, err error) {
	r.Readers += one.Readers
	r.Agents += one.Agents
	r.Bytes += one.Bytes
	for name, n := range one.Events {
		r.Events[name] += n
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		r.Broken++
		r.Error = err.Error()
	}
}

func readOne(ctx context.Context, client *http.Client, o options, isStalled bool) (reading, error) {
	one := reading{Events: map[string]int{}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+o.target+"/api/events", nil)
	if err != nil {
		return one, err
	}
	if o.token != "" {
		request.Header.Set("Authorization", "Bearer "+o.token)
	}
	answer, err := client.Do(request)
	if err != nil {
		return one, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return one, fmt.Errorf("the stream answers %s", answer.Status)
	}
	in := bufio.NewReaderSize(answer.Body, 64*1024)
	isLineStart := true
	for {
		line, err := in.ReadSlice('\n') // or a part of it, when it is long
		one.Bytes += len(line)
		one.Agents += bytes.Count(line, []byte(`"agentId"`))
		if name, isEvent := bytes.CutPrefix(line, []byte("event:")); isEvent && isLineStart {
			one.Events[string(bytes.TrimSpace(name))]++
			one.Readers = 1
			if isStalled {
				<-ctx.Done()
				return one, nil
			}
		}
		isLineStart = err == nil
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return one, err
		}
	}
}
