package envelope

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

var sizes = []int{64, 1_000_000}

func BenchmarkAppendCall(b *testing.B) {
	for _, size := range sizes {
		data := make([]byte, size)
		var args any = data
		raw, err := RawOf(Msgpack, data)
		if err != nil {
			b.Fatal(err)
		}
		buf := make([]byte, 0, size+64)
		run := func(name string, o Options, args any) {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Msgpack.AppendCall(buf, 1<<20, "echo", o, args); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("binary", Options{}, args)
		run("binary with t", Options{Timeout: time.Second, HasTimeout: true}, args)
		run("raw", Options{}, raw)
	}
	record := struct {
		Name string
		Age  int
		Tags []string
	}{"Ada", 36, []string{"a", "b"}}
	var args any = record
	buf := make([]byte, 0, 256)
	b.Run("struct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Msgpack.AppendCall(buf, 1<<20, "echo", Options{}, args); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	run := func(name string, body []byte, err error) {
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			var e Envelope
			for b.Loop() {
				if err := Msgpack.Parse(body, &e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, size := range sizes {
		data := make([]byte, size)
		body, err := Msgpack.AppendCall(nil, 1<<20, "echo", Options{}, data)
		run(fmt.Sprintf("call/%d", size), body, err)
		body, err = Msgpack.AppendCall(nil, 1<<20, "echo", Options{Timeout: time.Second, HasTimeout: true}, data)
		run(fmt.Sprintf("call with t/%d", size), body, err)
		body, err = Msgpack.AppendReply(nil, 1<<20, data)
		run(fmt.Sprintf("reply/%d", size), body, err)
	}
	run("ping", Msgpack.AppendPing(nil, make([]byte, 8)), nil)
}

func BenchmarkGuard(b *testing.B) {
	for name, value := range map[string][]byte{
		"100000 integers":     append([]byte{0xdd, 0, 1, 0x86, 0xa0}, bytes.Repeat([]byte{5}, 100_000)...),
		"50000 short strings": append([]byte{0xdc, 0xc3, 0x50}, bytes.Repeat([]byte("\xa3abc"), 50_000)...),
		"30000 pairs":         append([]byte{0xdc, 0x75, 0x30}, bytes.Repeat([]byte{0x92, 1, 2}, 30_000)...),
		"1000000 bytes":       append([]byte{0xc6, 0, 0x0f, 0x42, 0x40}, make([]byte, 1_000_000)...),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Guard(value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeValue(b *testing.B) {
	for _, size := range sizes {
		value, err := Msgpack.AppendValue(nil, make([]byte, size))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("binary/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				var v []byte
				if err := Msgpack.DecodeValue(value, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	record := struct {
		Name string
		Age  int
		Tags []string
	}{"Ada", 36, []string{"a", "b"}}
	value, err := Msgpack.AppendValue(nil, record)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("struct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := Msgpack.DecodeValue(value, &record); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("struct into any", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v any
			if err := Msgpack.DecodeValue(value, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
