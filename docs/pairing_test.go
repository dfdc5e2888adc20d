package docs_test

import (
	"testing"

	"github.com/seed-f6ddb928/peernet-go/discovery/udp"
	"github.com/seed-f6ddb928/peernet-go/internal/test/vectors"
	"github.com/seed-f6ddb928/peernet-go/pairing"
)

func checkAnnounceOffer(t *testing.T, p page, b block) {
	b.count(t, 5)
	a, err := udp.ParseOfferAnnounce(b.bytes())
	if err != nil || a.Port != 7100 || a.Number != 42 {
		t.Errorf("%+v, %v", a, err)
	}
	same(t, "packet", a.Append(nil), b.bytes())
	offset := 0
	for i, row := range p.table(t, "8.4 offset") {
		if number(t, row[0]) != offset || number(t, row[1]) != len(b[i].bytes) {
			t.Errorf("the field %s is not where the table has it", row[2])
		}
		offset += len(b[i].bytes)
	}
}

func checkPairingMessages(t *testing.T, _ page, b block) {
	var file struct {
		Vectors []struct {
			Name     string        `json:"name"`
			Code     string        `json:"code"`
			Password string        `json:"password"`
			I        vectors.Hex   `json:"initiator"`
			R        vectors.Hex   `json:"responder"`
			Hash     vectors.Hex   `json:"handshake_hash"`
			CI       vectors.Hex   `json:"channel_identifier"`
			SJ       vectors.Hex   `json:"joiner_scalar"`
			SO       vectors.Hex   `json:"offerer_scalar"`
			LJ       string        `json:"joiner_label"`
			LO       string        `json:"offerer_label"`
			ISK      vectors.Hex   `json:"isk"`
			Key      vectors.Hex   `json:"mac_key"`
			Messages []vectors.Hex `json:"messages"`
		} `json:"vectors"`
	}
	vectors.Load(t, "pairing.json", &file)
	v := file.Vectors[0]
	if v.Name != "labels" || v.Code != "42-otter-velvet" {
		t.Fatalf("the first vector is %s, of %s", v.Name, v.Code)
	}
	b.count(t, len(v.Messages))
	for i, m := range v.Messages {
		same(t, "message", b[i].bytes, m)
		if i < 2 && len(m) != pairing.ShareSize || i >= 2 && len(m) > pairing.ConfirmationLimit {
			t.Errorf("message %d has %d bytes", i+1, len(m))
		}
	}
}
