package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
	final   = 0x80
	masked  = 0x80
)

var errClosed = errors.New("the registry closed the line")

// line is an agent's WebSocket, kept open between its beats: pings are answered at any time.
type line struct {
	target  string
	token   string
	socket  net.Conn
	writing sync.Mutex
	replies chan reply
	err     error // why `replies` was closed
}

func (l *line) exchange(frame []byte) (reply, error) {
	if l.socket == nil {
		if err := l.open(); err != nil {
			return reply{}, err
		}
	}
	if err := l.send(l.socket, opText, frame); err != nil {
		l.close()
		return reply{}, err
	}
	got, isOpen := <-l.replies
	if !isOpen {
		l.close()
		return reply{}, l.err
	}
	return got, nil
}

func (l *line) close() {
	if l.socket != nil {
		_ = l.socket.Close()
		l.socket = nil
	}
}

func (l *line) open() error {
	socket, err := net.DialTimeout("tcp", l.target, answerTimeout)
	if err != nil {
		return err
	}
	asked := fmt.Appendf(nil, "GET /api/line HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", l.target)
	asked = append(asked, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"...)
	if l.token != "" {
		asked = fmt.Appendf(asked, "Authorization: Bearer %s\r\n", l.token)
	}
	if _, err = socket.Write(append(asked, "\r\n"...)); err != nil {
		return err
	}
	in := bufio.NewReaderSize(socket, 2048) // there may be very many lines
	status, err := in.ReadString('\n')
	if err != nil || !strings.HasPrefix(status, "HTTP/1.1 101") {
		return fmt.Errorf("the line was not opened: %q, %w", status, err)
	}
	for header := status; strings.TrimSpace(header) != ""; {
		if header, err = in.ReadString('\n'); err != nil {
			return err
		}
	}
	l.socket, l.replies = socket, make(chan reply, 1)
	go l.listen(socket, in, l.replies)
	return nil
}

// listen answers pings, and passes replies on, until the connection ends.
func (l *line) listen(socket net.Conn, in *bufio.Reader, replies chan<- reply) {
	defer close(replies)
	_ = socket.SetReadDeadline(time.Now().Add(time.Hour))
	for {
		opcode, text, err := readFrame(in)
		switch {
		case err != nil:
			l.err = err
			return
		case opcode == opClose:
			l.err = errClosed
			return
		case opcode == opPing:
			if l.err = l.send(socket, opPong, text); l.err != nil {
				return
			}
		case opcode == opText && strings.HasPrefix(string(text), `{"reply"`):
			replies <- reply{status: 200}
		case opcode == opText:
			replies <- reply{status: 400, body: string(text)}
		}
	}
}

func (l *line) send(socket net.Conn, opcode byte, text []byte) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	_, err := socket.Write(appendFrame(make([]byte, 0, len(text)+14), opcode, text))
	return err
}

// appendFrame appends a client's frame. Its mask is of zeros, so that the text needs no work here.
func appendFrame(to []byte, opcode byte, text []byte) []byte {
	to = append(to, final|opcode)
	if len(text) < 126 {
		to = append(to, masked|byte(len(text)))
	} else {
		to = append(to, masked|126)
		to = binary.BigEndian.AppendUint16(to, uint16(len(text)))
	}
	return append(append(to, 0, 0, 0, 0), text...)
}

// readFrame reads a server's frame; none is longer than 64 KB.
func readFrame(in *bufio.Reader) (opcode byte, text []byte, err error) {
	var head [2]byte
	if _, err = io.ReadFull(in, head[:]); err != nil {
		return 0, nil, err
	}
	length := int(head[1])
	if length == 126 {
		var more [2]byte
		if _, err = io.ReadFull(in, more[:]); err != nil {
			return 0, nil, err
		}
		length = int(binary.BigEndian.Uint16(more[:]))
	}
	text = make([]byte, length)
	_, err = io.ReadFull(in, text)
	return head[0] &^ final, text, err
}
