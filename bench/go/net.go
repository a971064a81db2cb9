// bench/go/net.go — connections.
// SPDX-License-Identifier: BSL-1.0
package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// An operation is one message that goes to a server and comes back.
func tcpEcho(b *testing.B) int {
	const connections, messages = 64, 200
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	verify(b, err == nil)
	var servers sync.WaitGroup
	var clients []net.Conn
	for i := 0; i < connections; i++ {
		client, err := net.Dial("tcp", listener.Addr().String())
		verify(b, err == nil)
		clients = append(clients, client)
		server, err := listener.Accept()
		verify(b, err == nil)
		servers.Add(1)
		go func() {
			defer servers.Done()
			defer server.Close()
			var m [64]byte
			for {
				if _, err := io.ReadFull(server, m[:]); err != nil {
					return
				}
				server.Write(m[:])
			}
		}()
	}
	var cameBack atomic.Int64
	for n := 0; n < b.N; n++ {
		var group sync.WaitGroup
		for _, client := range clients {
			client := client
			group.Add(1)
			go func() {
				defer group.Done()
				var m [64]byte
				for i := 0; i < messages; i++ {
					client.Write(m[:])
					io.ReadFull(client, m[:])
				}
				cameBack.Add(messages)
			}()
		}
		group.Wait()
	}
	for _, client := range clients {
		client.Close()
	}
	servers.Wait()
	listener.Close()
	verify(b, cameBack.Load() == int64(b.N*connections*messages))
	return b.N * connections * messages
}

func init() {
	row("tcp_echo", twoToo, tcpEcho)
}
