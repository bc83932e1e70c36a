package main

import (
	"fmt"
	"slices"
)

// series is what one contender took, run by run.
type series struct {
	contender
	values []float64
}

func (s *series) median() float64 {
	v := slices.Sorted(slices.Values(s.values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func (s *series) least() float64 { return slices.Min(s.values) }
func (s *series) most() float64  { return slices.Max(s.values) }

// over returns the median of how much more the series took than another in the same run.
func (s *series) over(base *series) float64 {
	difference := series{values: slices.Clone(s.values)}
	for i := range difference.values {
		difference.values[i] -= base.values[i]
	}
	return difference.median()
}

// table is one measurement of all contenders.
type table struct {
	title    string
	unit     string
	decimals int
	more     bool // more is better
	added    bool // what is added to the base is meaningful
	rows     []*series
}

// of returns the series of a contender, or nil if it was left out.
func (t *table) of(name string) *series {
	i := slices.IndexFunc(t.rows, func(s *series) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return t.rows[i]
}

// best returns the rival with the best median, or nil.
func (t *table) best() *series {
	var best *series
	for _, s := range t.rows {
		if s.rival && (best == nil || (s.median() > best.median()) == t.more) {
			best = s
		}
	}
	return best
}

// print writes the table: the median with its spread, what it adds to a base, and the median's ratios to that base
// and to the best rival.
func (t *table) print(baseName string) {
	type column struct {
		head     string
		decimals int
		cell     func(s *series) float64
	}
	columns := []column{
		{"median", t.decimals, (*series).median},
		{"least", t.decimals, (*series).least},
		{"most", t.decimals, (*series).most},
	}
	base, best := t.of(baseName), t.best()
	if t.added {
		columns = append(columns, column{"added", t.decimals, func(s *series) float64 { return s.over(base) }})
	}
	if base != nil && best != nil {
		columns = append(columns, column{"to direct", 2, func(s *series) float64 { return s.median() / base.median() }})
	}
	if best != nil {
		columns = append(columns, column{"to best helper", 2, func(s *series) float64 { return s.median() / best.median() }})
	}
	fmt.Printf("%s, %s\n  %-30s", t.title, t.unit, "")
	for _, c := range columns {
		fmt.Printf("  %*s", max(8, len(c.head)), c.head)
	}
	fmt.Println()
	for _, s := range t.rows {
		fmt.Printf("  %-30s", s.name)
		for _, c := range columns {
			fmt.Printf("  %*.*f", max(8, len(c.head)), c.decimals, c.cell(s))
		}
		fmt.Println()
	}
	fmt.Println()
}

// verdict prints whether a goal was reached, and what was measured. Without a rival to compare with, that is not
// known.
func verdict(goal string, known, reached bool, measured string) {
	word := "reached"
	if !reached {
		word = "not reached"
	}
	if !known {
		word, measured = "not known", "-"
	}
	fmt.Printf("  %-11s  %-58s  %10s\n", word, goal, measured)
}
