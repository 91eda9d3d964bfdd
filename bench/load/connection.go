package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"syscall"
	"time"
)

const answerTimeout = 30 * time.Second

// reply is what became of one request.
type reply struct {
	status int    // of HTTP; a peer's own answers are put as 200 and 500
	body   string // of a refusal, for the person who looks; "" when all is well
}

// connection sends one request at a time and understands just as much of the answer as it must.
type connection struct {
	target string
	read   func(*bufio.Reader) (reply, error)
	socket net.Conn
	in     *bufio.Reader
}

// exchange also takes a connection that the server has closed for its idleness, as every client does: it
// connects again, once.
func (c *connection) exchange(request []byte) (reply, error) {
	isReused := c.socket != nil
	got, err := c.try(request)
	if isReused && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) {
		return c.try(request)
	}
	return got, err
}

func (c *connection) try(request []byte) (reply, error) {
	if c.socket == nil {
		socket, err := net.DialTimeout("tcp", c.target, answerTimeout)
		if err != nil {
			return reply{}, err
		}
		c.socket, c.in = socket, bufio.NewReaderSize(socket, 16*1024)
		// Once per connection: a limit per request would cost more than the request.
		_ = socket.SetDeadline(time.Now().Add(time.Hour))
	}
	_, err := c.socket.Write(request)
	if err == nil {
		var got reply
		got, err = c.read(c.in)
		if err == nil {
			return got, nil
		}
		if errors.Is(err, errLast) {
			c.close()
			return got, nil
		}
	}
	c.close()
	return reply{}, err
}

func (c *connection) close() {
	if c.socket != nil {
		_ = c.socket.Close()
		c.socket = nil
	}
}

// errLast: the answer is whole, and the server closes the connection after it.
var errLast = errors.New("the connection ends here")

func readHTTP(in *bufio.Reader) (reply, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return reply{}, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return reply{}, fmt.Errorf("not HTTP: %q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return reply{}, fmt.Errorf("not HTTP: %q", line)
	}
	got := reply{status: status}
	length, isChunked, isLast := 0, false, false
	for {
		line, err = in.ReadSlice('\n')
		if err != nil {
			return reply{}, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return reply{}, err
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			isChunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("connection")):
			isLast = bytes.EqualFold(value, []byte("close"))
		}
	}
	var kept []byte
	if isChunked {
		kept, err = readChunks(in)
	} else {
		kept, err = readBody(in, length, status)
	}
	if err != nil {
		return reply{}, err
	}
	if status >= 300 {
		got.body = string(kept)
	}
	if isLast {
		return got, errLast
	}
	return got, nil
}

func readBody(in *bufio.Reader, length, status int) ([]byte, error) {
	if status < 300 {
		_, err := in.Discard(length)
		return nil, err
	}
	body := make([]byte, length)
	_, err := io.ReadFull(in, body)
	return body, err
}

func readChunks(in *bufio.Reader) ([]byte, error) {
	var body []byte
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		size, err := strconv.ParseInt(string(bytes.TrimRight(line, "\r\n")), 16, 32)
		if err != nil {
			return nil, err
		}
		chunk := make([]byte, size+2)
		if _, err = io.ReadFull(in, chunk); err != nil {
			return nil, err
		}
		if size == 0 {
			return body, nil
		}
		body = append(body, chunk[:size]...)
	}
}

func readRESP(in *bufio.Reader) (reply, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return reply{}, err
	}
	if line[0] == '+' {
		return reply{status: 200}, nil
	}
	return reply{status: 500, body: string(line)}, nil
}
