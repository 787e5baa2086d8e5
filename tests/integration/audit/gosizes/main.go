// Command gosizes is the other side of audit_sizes (sizes.c says what a case and the tree are), with nothing but
// golang.org/x/mod/sumdb/tlog: it makes random proofs, true and altered, with Go's verdict, or judges those of ours.
//
//	gosizes make <cases> <seed>      gosizes judge
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"
	"os"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	blockLevel = 20
	topLevel   = 40
	specials   = 256
)

const (
	nothing = iota
	bit
	dropped
	added
	number
	size
	alterations
)

type node struct {
	level int
	index int64
}

type tree struct {
	block    [blockLevel + 1][]tlog.Hash
	above    [topLevel + 1]tlog.Hash
	specials map[node]tlog.Hash
	entries  []int64
}

type proofCase struct {
	kind        byte
	ok          bool
	altered     byte
	first, size int64
	hash, root  tlog.Hash
	proof       []tlog.Hash
}

func (t *tree) node(level int, index int64) tlog.Hash {
	if hash, there := t.specials[node{level, index}]; there {
		return hash
	}
	if level <= blockLevel {
		return t.block[level][index%(1<<(blockLevel-level))]
	}
	return t.above[level]
}

func build() *tree {
	t := &tree{specials: map[node]tlog.Hash{}}
	for i := 0; i < 1<<blockLevel; i++ {
		t.block[0] = append(t.block[0], tlog.RecordHash([]byte(fmt.Sprintf("entry %d", i))))
	}
	for level := 1; level <= blockLevel; level++ {
		below := t.block[level-1]
		for i := 0; i < len(below); i += 2 {
			t.block[level] = append(t.block[level], tlog.NodeHash(below[i], below[i+1]))
		}
	}
	t.above[blockLevel] = t.block[blockLevel][0]
	for level := blockLevel + 1; level <= topLevel; level++ {
		t.above[level] = tlog.NodeHash(t.above[level-1], t.above[level-1])
	}
	for i := uint64(1); i <= specials; i++ {
		index := int64(i * 0x9e3779b97f4a7c15 >> (64 - topLevel))
		t.entries = append(t.entries, index)
		t.specials[node{0, index}] = tlog.RecordHash([]byte(fmt.Sprintf("special %d", index)))
	}
	for level := 1; level <= topLevel; level++ {
		for _, entry := range t.entries {
			index := entry >> level
			t.specials[node{level, index}] = tlog.NodeHash(t.node(level-1, 2*index), t.node(level-1, 2*index+1))
		}
	}
	return t
}

// ReadHashes makes it a tlog.HashReader.
func (t *tree) ReadHashes(indexes []int64) (hashes []tlog.Hash, err error) {
	for _, index := range indexes {
		hashes = append(hashes, t.node(tlog.SplitStoredHashIndex(index)))
	}
	return hashes, nil
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (t *tree) prove(c *proofCase) {
	var err error
	c.root, err = tlog.TreeHash(c.size, t)
	must(err)
	if c.kind == 'i' {
		c.hash = t.node(0, c.first)
		c.proof, err = tlog.ProveRecord(c.size, c.first, t)
	} else {
		c.hash, err = tlog.TreeHash(c.first, t)
		must(err)
		c.proof, err = tlog.ProveTree(c.size, c.first, t)
	}
	must(err)
}

func (c *proofCase) accepted() bool {
	if c.kind == 'i' {
		return tlog.CheckRecord(c.proof, c.size, c.root, c.first, c.hash) == nil
	}
	return tlog.CheckTree(c.proof, c.size, c.root, c.first, c.hash) == nil
}

func (t *tree) choose(chance *rand.Rand, end int64) int64 {
	n := chance.Int63() >> (23 + chance.Intn(topLevel))
	switch chance.Intn(8) {
	case 0:
		if n = end - 1 - chance.Int63n(3); n < 0 {
			n = 0
		}
	case 1:
		n = 1<<chance.Intn(topLevel) + chance.Int63n(3) - 1
	case 2:
		n = t.entries[chance.Intn(specials)]
	}
	return n % end
}

func other(n int64, chance *rand.Rand) int64 {
	switch chance.Intn(3) {
	case 0:
		return n + 1
	case 1:
		if n > 0 {
			return n - 1
		}
		return 1
	}
	return n ^ 1<<chance.Intn(topLevel+1)
}

func (c *proofCase) alter(chance *rand.Rand) {
	c.proof = append([]tlog.Hash(nil), c.proof...)
	switch c.altered {
	case bit:
		hashes := []*tlog.Hash{&c.hash, &c.root}
		for i := range c.proof {
			hashes = append(hashes, &c.proof[i])
		}
		hashes[chance.Intn(len(hashes))][chance.Intn(tlog.HashSize)] ^= 1 << chance.Intn(8)
	case dropped:
		at := chance.Intn(len(c.proof))
		c.proof = append(c.proof[:at], c.proof[at+1:]...)
	case added:
		at := chance.Intn(len(c.proof) + 1)
		c.proof = append(c.proof[:at], append([]tlog.Hash{c.root}, c.proof[at:]...)...)
	case number:
		c.first = other(c.first, chance)
	case size:
		c.size = other(c.size, chance)
	}
}

func (c *proofCase) write(out io.Writer) {
	head := []byte{c.kind, 0, c.altered, byte(len(c.proof))}
	if c.ok {
		head[1] = 1
	}
	head = binary.BigEndian.AppendUint64(head, uint64(c.first))
	head = binary.BigEndian.AppendUint64(head, uint64(c.size))
	head = append(append(head, c.hash[:]...), c.root[:]...)
	for _, hash := range c.proof {
		head = append(head, hash[:]...)
	}
	_, err := out.Write(head)
	must(err)
}

// read answers false at the end of the input.
func (c *proofCase) read(in io.Reader) bool {
	head := make([]byte, 84)
	_, err := io.ReadFull(in, head)
	if err == io.EOF {
		return false
	}
	must(err)
	*c = proofCase{kind: head[0], ok: head[1] == 1, altered: head[2], proof: make([]tlog.Hash, head[3])}
	c.first = int64(binary.BigEndian.Uint64(head[4:]))
	c.size = int64(binary.BigEndian.Uint64(head[12:]))
	copy(c.hash[:], head[20:])
	copy(c.root[:], head[52:])
	for i := range c.proof {
		_, err = io.ReadFull(in, c.proof[i][:])
		must(err)
	}
	return true
}

func (c *proofCase) complain(what string) {
	must(fmt.Errorf("%s: kind %c, %d in %d, altered %d, we say %v", what, c.kind, c.first, c.size, c.altered, c.ok))
}

func (t *tree) judge(in io.Reader) (count int) {
	refused := map[byte]int{}
	c := &proofCase{}
	for ; c.read(in); count++ {
		ok := c.accepted()
		if ok != c.ok {
			c.complain("verdicts differ")
		}
		if c.altered <= added && ok != (c.altered == nothing) {
			c.complain("both are wrong")
		}
		if c.altered == nothing {
			own := &proofCase{kind: c.kind, first: c.first, size: c.size}
			t.prove(own)
			same := own.hash == c.hash && own.root == c.root && len(own.proof) == len(c.proof)
			for i := 0; same && i < len(c.proof); i++ {
				same = own.proof[i] == c.proof[i]
			}
			if !same {
				c.complain("Go's own proof is another")
			}
		}
		if !ok {
			refused[c.altered]++
		}
	}
	for altered := byte(bit); altered < alterations; altered++ {
		if refused[altered] == 0 {
			must(fmt.Errorf("nothing altered in way %d was refused, so nothing was tested", altered))
		}
	}
	return count
}

func main() {
	t := build()
	if os.Args[1] == "judge" {
		fmt.Printf("Go agrees about %d proofs of ours\n", t.judge(bufio.NewReaderSize(os.Stdin, 1<<20)))
		return
	}
	cases, err := strconv.Atoi(os.Args[2])
	must(err)
	seed, err := strconv.ParseUint(os.Args[3], 0, 64)
	must(err)
	chance := rand.New(rand.NewSource(int64(seed)))
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	for i := 0; i < cases; i++ {
		c := &proofCase{kind: "ic"[i%2], ok: true}
		c.size = 1 + t.choose(chance, 1<<topLevel)
		c.first = t.choose(chance, c.size)
		if c.kind == 'c' {
			c.first++
		}
		t.prove(c)
		c.ok = c.accepted()
		c.write(out)
		for c.altered == nothing || (c.altered == dropped && len(c.proof) == 0) {
			c.altered = byte(1 + chance.Intn(alterations-1))
		}
		c.alter(chance)
		c.ok = c.accepted()
		c.write(out)
	}
	must(out.Flush())
}
