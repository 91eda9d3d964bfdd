package main

import (
	"math"
	"slices"
	"strconv"
	"time"
)

const maxBroken = 3 // connections in a row that break until a lane gives up

// counts is what one lane saw.
type counts struct {
	latencies []time.Duration // of answers with status 200
	statuses  map[int]int
	samples   map[int]string // the first body of each other status
	nBroken   int
	inARow    int
	firstErr  string
}

func newCounts() counts {
	return counts{latencies: make([]time.Duration, 0, 1<<14), statuses: map[int]int{}, samples: map[int]string{}}
}

// add takes one request's end; false = give up.
func (c *counts) add(got reply, err error, latency time.Duration) bool {
	if err != nil {
		c.nBroken++
		c.inARow++
		if c.firstErr == "" {
			c.firstErr = err.Error()
		}
		return c.inARow < maxBroken
	}
	c.inARow = 0
	c.statuses[got.status]++
	if got.status == 200 {
		c.latencies = append(c.latencies, latency)
	} else if _, isKnown := c.samples[got.status]; !isKnown {
		c.samples[got.status] = got.body
	}
	return true
}

// summary is the JSON line of a run.
type summary struct {
	Requests int               `json:"requests"` // answered with 200
	Statuses map[string]int    `json:"statuses"`
	Samples  map[string]string `json:"samples"`
	Broken   int               `json:"broken"` // requests without an answer
	Error    string            `json:"error"`  // the first reason for that
	Seconds  float64           `json:"seconds"`
	Rate     float64           `json:"rate"`
	P50      float64           `json:"p50_ms"`
	P90      float64           `json:"p90_ms"`
	P99      float64           `json:"p99_ms"`
	Max      float64           `json:"max_ms"`
	CPU      float64           `json:"cpu_seconds"` // of this program
}

func sum(all []*lane, took time.Duration, cpu float64) summary {
	s := summary{Statuses: map[string]int{}, Samples: map[string]string{}, Seconds: took.Seconds(), CPU: cpu}
	var latencies []time.Duration
	for _, one := range all {
		latencies = append(latencies, one.latencies...)
		s.Broken += one.nBroken
		if s.Error == "" {
			s.Error = one.firstErr
		}
		for status, n := range one.statuses {
			s.Statuses[strconv.Itoa(status)] += n
		}
		for status, body := range one.samples {
			s.Samples[strconv.Itoa(status)] = body[:min(len(body), 300)]
		}
	}
	slices.Sort(latencies)
	s.Requests = len(latencies)
	s.Rate = float64(s.Requests) / s.Seconds
	s.P50, s.P90 = percentile(latencies, 0.5), percentile(latencies, 0.9)
	s.P99, s.Max = percentile(latencies, 0.99), percentile(latencies, 1)
	return s
}

// percentile is the smallest value, in milliseconds, that at least `share` of the sorted values do not exceed.
func percentile(sorted []time.Duration, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	index := max(0, int(math.Ceil(share*float64(len(sorted))))-1)
	return float64(sorted[index]) / float64(time.Millisecond)
}
