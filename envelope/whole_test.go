package envelope

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"sync"
	"testing"
	"time"
)

// arrive returns what becomes of v when it is sent and read into a new value of type t.
func arrive(v any, t reflect.Type) (any, error) {
	b, err := Msgpack.AppendValue(nil, v)
	if err != nil {
		return nil, err
	}
	got := reflect.New(t)
	err = Msgpack.DecodeValue(b, got.Interface())
	return got.Elem().Interface(), err
}

// numbers are at the edges of what numeric types hold.
var numbers = []any{
	0, 1, -1, math.MaxInt8, math.MaxInt8 + 1, math.MinInt8, math.MinInt8 - 1, 255, 256, 300, 70000, 4464, math.MaxInt16,
	math.MinInt16 - 1, math.MaxUint16, math.MaxUint16 + 1, math.MaxInt32, math.MaxInt32 + 1, math.MinInt32 - 1, math.MaxUint32,
	math.MaxUint32 + 1, 1 << 24, 1<<24 + 1, 1 << 53, 1<<53 + 1, -(1<<53 + 1), math.MaxInt64, math.MaxInt64 - 1, math.MinInt64,
	uint64(1 << 63), uint64(1<<63 + 1), uint64(math.MaxUint64), 1.0, 1.5, -0.5, 0.1, 1e300, 1e-300, math.Inf(1), math.NaN(),
	float32(0.1), float32(math.MaxFloat32), math.MaxFloat32 * 2,
}

type (
	port     uint16
	level    int8
	ratio    float32
	innerOf  struct{ Port uint16 }
	embedded struct {
		innerOf
		Name string
	}
)

// exact returns the number in v, of any kind.
func exact(v reflect.Value) string {
	switch {
	case v.CanInt():
		return fmt.Sprint(v.Int())
	case v.CanUint():
		return fmt.Sprint(v.Uint())
	case math.IsNaN(v.Float()), math.IsInf(v.Float(), 0):
		return fmt.Sprint(v.Float())
	}
	return new(big.Rat).SetFloat64(v.Float()).RatString()
}

func TestNumbersArriveExactlyOrNotAtAll(t *testing.T) {
	arrived := 0
	for _, of := range []any{
		int(0), int8(0), int16(0), int32(0), int64(0), uint(0), uint8(0), uint16(0), uint32(0), uint64(0), float32(0), float64(0),
		port(0), level(0), ratio(0), time.Duration(0),
	} {
		to := reflect.TypeOf(of)
		for _, number := range numbers {
			from := reflect.ValueOf(number)
			want := exact(from)
			field := reflect.StructOf([]reflect.StructField{{Name: "V", Type: to}})
			inner := reflect.StructOf([]reflect.StructField{{Name: "V", Type: field}})
			checks := map[string]struct {
				sent any
				to   reflect.Type
				get  func(reflect.Value) reflect.Value
			}{
				"alone":        {number, to, func(v reflect.Value) reflect.Value { return v }},
				"a field":      {map[string]any{"V": number}, field, func(v reflect.Value) reflect.Value { return v.Field(0) }},
				"a deep field": {map[string]any{"V": map[string]any{"V": number}}, inner, func(v reflect.Value) reflect.Value { return v.Field(0).Field(0) }},
				"a map":        {map[string]any{"V": number}, reflect.MapOf(reflect.TypeFor[string](), to), func(v reflect.Value) reflect.Value { return v.MapIndex(reflect.ValueOf("V")) }},
				"a key":        {map[any]any{number: true}, reflect.MapOf(to, reflect.TypeFor[bool]()), func(v reflect.Value) reflect.Value { return v.MapKeys()[0] }},
				"an array":     {[]any{number}, reflect.ArrayOf(1, to), func(v reflect.Value) reflect.Value { return v.Index(0) }},
				"a pointer":    {[]any{number}, reflect.SliceOf(reflect.PointerTo(to)), func(v reflect.Value) reflect.Value { return v.Index(0).Elem() }},
			}
			if to.Kind() != reflect.Uint8 { // a []byte is no list
				checks["a slice"] = checks["an array"]
				c := checks["a slice"]
				c.to = reflect.SliceOf(to)
				checks["a slice"] = c
			} else {
				delete(checks, "an array")
			}
			for where, c := range checks {
				got, err := arrive(c.sent, c.to)
				if err != nil {
					if !errors.Is(err, ErrRange) && !errors.Is(err, ErrInteger) {
						t.Errorf("%s: %v as %s: %v", where, number, to, err)
					}
					continue
				}
				arrived++
				if v := c.get(reflect.ValueOf(got)); exact(v) != want {
					t.Errorf("%s: %v (%T) arrives as %v (%s)", where, number, number, v, to)
				}
			}
		}
	}
	if arrived < 1000 {
		t.Errorf("only %d numbers arrived", arrived)
	}
	for _, c := range []struct{ sent, to any }{
		{map[string]int{"Port": 70000}, innerOf{}},
		{map[string]int{"Port": 70000}, embedded{}},
		{struct{ Port int }{70000}, embedded{}},
		{[]int{1, 2, 3}, [2]int{}}, {[]int{1}, [2]int{}}, {[]byte("abc"), [2]byte{}}, {[]byte("a"), [2]byte{}},
	} {
		if got, err := arrive(c.sent, reflect.TypeOf(c.to)); !errors.Is(err, ErrDecode) {
			t.Errorf("%v arrives as %+v, %v", c.sent, got, err)
		}
	}
}

func TestOmitEmptyIsThatOfJSON(t *testing.T) {
	type record struct {
		Addr  netip.Addr     `json:"addr,omitempty"`
		Port  netip.AddrPort `json:"port,omitempty"`
		Big   big.Int        `json:"big,omitempty"`
		Time  time.Time      `json:"time,omitempty"`
		Inner innerOf        `json:"inner,omitempty"`
		N     int            `json:"n,omitempty"`
		B     *bool          `msgpack:"b,omitempty"`
	}
	want := record{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddrPort("[::1]:7"), *big.NewInt(1 << 40), time.Unix(1, 2), innerOf{3}, 0, new(bool)}
	got, err := arrive(&want, reflect.TypeFor[record]())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, not %+v: %v", got, want, err)
	}
	all, err := arrive(struct {
		A []int          `json:"a,omitempty"`
		M map[string]int `json:"m,omitempty"`
		S string         `json:"s,omitempty"`
		I any            `json:"i,omitempty"`
		T struct{}       `json:"t,omitempty"`
	}{A: []int{}, M: map[string]int{}}, reflect.TypeFor[any]())
	if err != nil || !reflect.DeepEqual(all, map[string]any{"t": map[string]any{}}) {
		t.Errorf("%v, %v", all, err)
	}
}

type onlyJSON struct{ secret int }

func (onlyJSON) MarshalJSON() ([]byte, error)  { return []byte("1"), nil }
func (*onlyJSON) UnmarshalJSON(b []byte) error { return nil }

type shadowing struct {
	innerOf
	Port string
}

func TestWhatWouldBeLostIsRefusedAtTheSender(t *testing.T) {
	var list []int
	for _, v := range []any{
		onlyJSON{1}, &onlyJSON{1}, []onlyJSON{{1}}, map[string]any{"x": onlyJSON{}}, struct{ V onlyJSON }{}, struct{ V *onlyJSON }{&onlyJSON{}},
		errors.New("text"), struct{ Err error }{errors.New("text")}, &sync.Map{}, time.UTC,
		make(chan int), func() {}, struct{ F func() }{func() {}}, complex(1, 2), struct{ C []complex64 }{make([]complex64, 1)}, uintptr(1),
		shadowing{}, struct {
			A int `json:"x"`
			B int `msgpack:"x"`
		}{},
		struct{ P *[]int }{&list}, []any{new(any)}, []**int{new(*int)},
	} {
		if b, err := Msgpack.AppendValue(nil, v); !errors.Is(err, ErrEncode) {
			t.Errorf("%T: %x, %v", v, b, err)
		}
	}
	for _, v := range []any{
		struct{}{}, &struct{}{}, struct{ A, b int }{1, 2}, struct {
			sync.Mutex
			A int
		}{A: 1}, struct {
			_ [0]func()
		}{}, struct {
			A int `json:"-"`
		}{1}, embedded{innerOf{1}, "x"}, &list,
	} {
		if _, err := Msgpack.AppendValue(nil, v); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
}

// A maker makes types and values of them.
type maker struct{ *rand.Rand }

func (m maker) typ(depth int) reflect.Type {
	leaves := []any{
		false, 0, int8(0), int16(0), int32(0), int64(0), uint(0), uint8(0), uint16(0), uint32(0), uint64(0), float32(0), 0.0,
		"", []byte{}, [3]byte{}, time.Time{}, time.Duration(0), netip.Addr{}, netip.AddrPort{}, big.Int{}, port(0), embedded{}, struct{}{},
	}
	if depth == 0 || m.IntN(3) == 0 {
		return reflect.TypeOf(leaves[m.IntN(len(leaves))])
	}
	switch m.IntN(5) {
	case 0:
		return reflect.PointerTo(m.typ(depth - 1))
	case 1:
		return reflect.SliceOf(m.typ(depth - 1))
	case 2:
		return reflect.ArrayOf(m.IntN(4), m.typ(depth-1))
	case 3:
		keys := []any{"", 0, int8(0), uint64(0), false, 0.5, port(0), [2]byte{}, netip.Addr{}}
		return reflect.MapOf(reflect.TypeOf(keys[m.IntN(len(keys))]), m.typ(depth-1))
	}
	fields := make([]reflect.StructField, m.IntN(6))
	for i := range fields {
		tags := []string{"", fmt.Sprintf(`json:"f%d"`, i), fmt.Sprintf(`json:"f%d,omitempty"`, i), fmt.Sprintf(`json:"a" msgpack:"g%d"`, i), `json:",omitempty"`}
		fields[i] = reflect.StructField{Name: fmt.Sprint("F", i), Type: m.typ(depth - 1), Tag: reflect.StructTag(tags[m.IntN(len(tags))])}
	}
	return reflect.StructOf(fields)
}

func (m maker) value(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch v.Addr().Interface().(type) {
	case *time.Time:
		v.Set(reflect.ValueOf(time.Unix(m.Int64N(1<<40)-1<<39, m.Int64N(1e9))))
		return v
	case *netip.Addr:
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{byte(m.Int()), 2, 3, 4})))
		return v
	case *netip.AddrPort:
		v.Set(reflect.ValueOf(netip.AddrPortFrom(netip.IPv6Loopback(), uint16(m.Int()))))
		return v
	case *big.Int:
		v.Set(reflect.ValueOf(*new(big.Int).Lsh(big.NewInt(m.Int64()), uint(m.IntN(200)))))
		return v
	}
	bits := m.Uint64() >> m.IntN(64)
	switch {
	case m.IntN(8) == 0 && t.Kind() != reflect.Array: // the zero value
	case v.CanInt():
		v.SetInt(int64(bits) * int64(1-2*m.IntN(2)))
	case v.CanUint():
		v.SetUint(bits)
	case v.CanFloat():
		v.SetFloat(m.NormFloat64() * math.Pow(10, float64(m.IntN(30))))
	default:
		switch t.Kind() {
		case reflect.Bool:
			v.SetBool(true)
		case reflect.String:
			v.SetString(fmt.Sprint(bits))
		case reflect.Pointer:
			v.Set(reflect.New(t.Elem()))
			v.Elem().Set(m.value(t.Elem()))
		case reflect.Slice:
			v.Set(reflect.MakeSlice(t, m.IntN(4), 4))
			fallthrough
		case reflect.Array:
			for i := range v.Len() {
				v.Index(i).Set(m.value(t.Elem()))
			}
		case reflect.Map:
			v.Set(reflect.MakeMap(t))
			for range m.IntN(4) {
				v.SetMapIndex(m.value(t.Key()), m.value(t.Elem()))
			}
		case reflect.Struct:
			for i := range t.NumField() {
				if f := v.Field(i); f.CanSet() {
					f.Set(m.value(f.Type()))
				}
			}
		}
	}
	return v
}

// same reports whether what arrived is what was sent. What omitempty leaves out may arrive as nil.
func same(sent, got reflect.Value, omitted bool) bool {
	if s, ok := sent.Interface().(time.Time); ok {
		return s.Equal(got.Interface().(time.Time))
	}
	switch sent.Kind() {
	case reflect.Struct:
		if sent.Type().NumField() == 0 || !sent.Type().Field(0).IsExported() && sent.Type().Field(0).Name != "innerOf" {
			break
		}
		for i := range sent.NumField() {
			if f := sent.Type().Field(i); f.IsExported() && !same(sent.Field(i), got.Field(i), f.Tag != "") {
				return false
			}
		}
		return true
	case reflect.Pointer:
		return sent.IsNil() && got.IsNil() || !sent.IsNil() && !got.IsNil() && same(sent.Elem(), got.Elem(), false)
	case reflect.Slice, reflect.Array, reflect.Map:
		if sent.Len() != got.Len() || sent.Kind() != reflect.Array && !omitted && sent.IsNil() != got.IsNil() {
			return false
		}
		if sent.Kind() != reflect.Map {
			for i := range sent.Len() {
				if !same(sent.Index(i), got.Index(i), false) {
					return false
				}
			}
			return true
		}
		for entry := sent.MapRange(); entry.Next(); {
			if v := got.MapIndex(entry.Key()); !v.IsValid() || !same(entry.Value(), v, false) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(sent.Interface(), got.Interface())
}

func TestValuesOfAnyTypeArriveWholeOrSomebodyGetsAnError(t *testing.T) {
	arrived, refused := 0, 0
	for seed := range uint64(3000) {
		m := maker{rand.New(rand.NewPCG(seed, 7))}
		sent := m.value(reflect.StructOf([]reflect.StructField{{Name: "V", Type: m.typ(4)}}))
		got, err := arrive(sent.Interface(), sent.Type())
		switch {
		case err != nil:
			refused++
		case !same(sent, reflect.ValueOf(got), false):
			t.Errorf("seed %d: %s\nsent %+v\ngot  %+v", seed, sent.Type(), sent, got)
		default:
			arrived++
		}
		if t.Failed() && arrived+refused > 20 {
			break
		}
	}
	if arrived < 2*refused {
		t.Errorf("%d arrived, %d were refused", arrived, refused)
	}
}
