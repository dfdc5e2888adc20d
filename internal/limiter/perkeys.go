package limiter

import "time"

// What a stranger sends in private mode is compared with every trusted key. RateForKeys bounds how much of it is compared.
const (
	keysPerSecond   = 1 << 16 // keys that are compared
	mostPerSecond   = 256     // comparisons with all keys, however few there are
	fewestPerSecond = 16      // the same, however many
)

// RateForKeys returns how often something may be compared with that many keys: the more keys, the less often, so that a flood
// costs a tenth of a core.
func RateForKeys(keys int) Rate {
	n := min(max(keysPerSecond/max(keys, 1), fewestPerSecond), mostPerSecond)
	return Rate{Burst: n, Every: time.Second / time.Duration(n)}
}
