package main

import (
	"fmt"
	"strconv"
)

// beats are what a session's process sends every ten seconds: about 650 bytes. What changes all the time
// (counters, ages, measurements) is different in each.
type beats struct {
	target   string
	token    string
	base     uint64
	isWarned []bool // by agent: the fact that `changed` turns round
}

func (b *beats) register(to []byte, agent int) []byte { return b.renew(to, agent, 0, false) }

func (b *beats) renew(to []byte, agent int, turn uint64, isChanged bool) []byte {
	if isChanged {
		b.isWarned[agent] = !b.isWarned[agent]
	}
	var space [1024]byte
	return appendPost(to, b.target, "/api/beats", b.token, b.appendBeat(space[:0], agent, turn))
}

func agentID(agent int) string { return fmt.Sprintf("session-%06d@host-%02d", agent, agent%40) }

func (b *beats) appendBeat(to []byte, agent int, turn uint64) []byte {
	to = append(to, `{"agentId":"`...)
	to = append(to, agentID(agent)...)
	to = fmt.Appendf(to, `","incarnation":"6f1c2a9e-0d3b-4c57-9b1e-%012d","sequence":`, agent)
	to = strconv.AppendUint(to, b.base+turn, 10)
	if b.isWarned[agent] {
		to = append(to, `,"status":"warning","reason":"the language model answers late"`...)
	} else {
		to = append(to, `,"status":"running"`...)
	}
	to = append(to, `,"kind":"session","name":"Concierge","description":"Answers questions about the hotel`...)
	to = append(to, `, takes reservations and calls a person when it cannot help","model":"gpt-4.1-mini"`...)
	to = append(to, `,"voice":"nova","temperature":0.7,"processId":`...)
	to = strconv.AppendInt(to, int64(1000+agent), 10)
	to = append(to, `,"processAge":`...)
	to = strconv.AppendUint(to, 3600+turn*10, 10)
	to = fmt.Appendf(to, `.25,"host":"host-%02d","port":8080,"interval":10.0,"idle":`, agent%40)
	to = strconv.AppendUint(to, turn%60, 10)
	to = append(to, `.5,"cpu":`...)
	to = strconv.AppendUint(to, 8+(turn+uint64(agent))%7, 10)
	to = append(to, `.75,"rss":`...)
	to = strconv.AppendUint(to, 129_761_280+(turn+uint64(agent))%1000*4096, 10)
	to = append(to, `,"loopLag":0.0021,"call":{"room":"agent-`...)
	to = strconv.AppendInt(to, int64(agent), 10)
	to = append(to, `-room","phase":"active","humans":[{"identity":"guest-`...)
	to = strconv.AppendInt(to, int64(agent), 10)
	to = append(to, `","role":"client"}],"since":`...)
	to = strconv.AppendUint(to, 60+turn*10, 10)
	return append(to, `.5,"llm":"gpt-4.1-mini"}}`...)
}

// frames are beats as they go on a line.
type frames struct{ beats }

func (f frames) register(to []byte, agent int) []byte { return f.renew(to, agent, 0, false) }

func (f frames) renew(to []byte, agent int, turn uint64, isChanged bool) []byte {
	if isChanged {
		f.isWarned[agent] = !f.isWarned[agent]
	}
	return append(f.appendBeat(append(to, `{"beat":`...), agent, turn), '}')
}
