package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestAnswersAreUnderstood(t *testing.T) {
	for name, one := range map[string]struct {
		answer string
		status int
		body   string
		err    error
	}{
		"with a length":   {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "", nil},
		"in chunks":       {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, "", nil},
		"a refusal":       {"HTTP/1.1 429 Too Many\r\ncontent-length: 4\r\n\r\nslow", 429, "slow", nil},
		"the last answer": {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 200, "", errLast},
	} {
		in := bufio.NewReader(strings.NewReader(one.answer + "rest"))
		got, err := readHTTP(in)
		if !errors.Is(err, one.err) || got.status != one.status || got.body != one.body {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if rest, _ := in.Peek(4); string(rest) != "rest" {
			t.Errorf("%s: stands at %q", name, rest)
		}
	}
}

func TestABeatIsJSONOfAUsualSize(t *testing.T) {
	made := beats{isWarned: make([]bool, 100_000)}
	for _, isWarned := range []bool{false, true} {
		made.isWarned[99_999] = isWarned
		text := made.appendBeat(nil, 99_999, 7)
		var beat struct {
			AgentID  string `json:"agentId"`
			Sequence int    `json:"sequence"`
			Status   string `json:"status"`
		}
		if err := json.Unmarshal(text, &beat); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if beat.AgentID != agentID(99_999) || beat.Sequence != 7 || (beat.Status == "warning") != isWarned {
			t.Errorf("%+v", beat)
		}
		if len(text) < 600 || len(text) > 750 {
			t.Errorf("%d bytes", len(text))
		}
	}
}

func TestEveryAgentHasOneConnectionAndGrowingNumbers(t *testing.T) {
	all, err := lanes(options{kind: "beats", agents: 10, connections: 4, first: 5})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, one := range all {
		for agent := one.first; agent < one.end; agent += one.step {
			if seen[agent] || agent < 5 || agent >= 15 {
				t.Errorf("agent %d", agent)
			}
			seen[agent] = true
		}
	}
	if len(seen) != 10 {
		t.Errorf("%d agents", len(seen))
	}
}

func TestThePaceReleasesAllAndNoneTooEarly(t *testing.T) {
	const rate, n = 2_000, 100
	released, start := 0, time.Now()
	err := pace(start, rate, n, func(i int, at time.Time) {
		if i != released || time.Now().Before(at) {
			t.Errorf("%d at %v", i, at.Sub(start))
		}
		released++
	})
	if err != nil || released != n || time.Since(start) < (n-1)*time.Second/rate {
		t.Errorf("%d released in %v, %v", released, time.Since(start), err)
	}
}

func TestFramesAreReadAsTheyAreWritten(t *testing.T) {
	for _, n := range []int{0, 125, 126, 60_000} {
		sent := appendFrame(nil, opText, []byte(strings.Repeat("x", n)))
		unmasked := append([]byte{sent[0], sent[1] &^ masked}, sent[2:]...)
		mask := len(unmasked) - n - 4
		unmasked = append(unmasked[:mask:mask], unmasked[mask+4:]...) // a server sends none
		opcode, text, err := readFrame(bufio.NewReader(strings.NewReader(string(unmasked))))
		if err != nil || opcode != opText || len(text) != n {
			t.Errorf("%d: %d, %d bytes, %v", n, opcode, len(text), err)
		}
	}
}
