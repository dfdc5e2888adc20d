package report

import (
	"encoding/json"
	"io"

	"github.com/seed-f6ddb928/peernet-go/bench/internal/measure"
)

// WriteJSON writes all values of measures: their medians, their ratios and what each pass found.
func (r *Report) WriteJSON(w io.Writer, machine string, measures []measure.Measure) error {
	type entry struct {
		Case   measure.Case     `json:"case"`
		Runner string           `json:"runner"`
		Values map[string]Value `json:"values"`
	}
	whole := struct {
		Machine string  `json:"machine"`
		Floor   string  `json:"floor"`
		Found   []entry `json:"found"`
	}{Machine: machine, Floor: r.Floor, Found: []entry{}}
	for _, m := range measures {
		for _, c := range m.Cases {
			for _, runner := range r.Runners {
				values := make(map[string]Value)
				for _, column := range m.Columns {
					if v, found := r.Value(Place{c, column}, runner); found {
						values[column.Name] = v
					}
				}
				if len(values) > 0 {
					whole.Found = append(whole.Found, entry{c, runner, values})
				}
			}
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "\t")
	return encoder.Encode(whole)
}
