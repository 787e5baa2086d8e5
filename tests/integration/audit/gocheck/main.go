// Command gocheck judges what audit_differential prints, with golang.org/x/mod/sumdb: it recomputes every hash, root,
// proof and tile, verifies every note and receipt, and compares verdicts. Exit 0: no difference.
//
// Strongroom is stricter than the Go packages in four points, which stand here a second time so that verdicts can be
// equal: base64 must re-encode to itself, at most 64 signature lines, DEL is a control byte, and every line of a known
// key must verify (the Go package looks at the first only).
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type testCase struct {
	Kind    string   `json:"kind"`
	OK      bool     `json:"ok"`
	Vkey    string   `json:"vkey"`
	Note    []byte   `json:"note"`
	Raw     []byte   `json:"raw"`
	Receipt []byte   `json:"receipt"`
	Hash    []byte   `json:"hash"`
	Leaf    []byte   `json:"leaf"`
	Root    []byte   `json:"root"`
	OldRoot []byte   `json:"old_root"`
	Proof   [][]byte `json:"proof"`
	Hashes  [][]byte `json:"hashes"`
	Index   int64    `json:"index"`
	Old     int64    `json:"old"`
	Size    int64    `json:"size"`
	Level   int      `json:"level"`
	Width   int      `json:"width"`
	Path    string   `json:"path"`
}

type checker struct {
	verifier note.Verifier
	stored   []tlog.Hash // of the log, in the order of tlog.StoredHashIndex
	leaves   int64
	previous tlog.Hash
}

func (c *checker) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(c.stored)) {
			return nil, fmt.Errorf("hash %d is not stored", index)
		}
		hashes[i] = c.stored[index]
	}
	return hashes, nil
}

func toHash(b []byte) (h tlog.Hash) {
	if len(b) != len(h) {
		panic("not a hash")
	}
	copy(h[:], b)
	return h
}

func toHashes(list [][]byte) (hashes []tlog.Hash) {
	for _, b := range list {
		hashes = append(hashes, toHash(b))
	}
	return hashes
}

func sameHashes(a, b []tlog.Hash) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// strictBase64 decodes text that re-encodes to itself.
func strictBase64(text string) ([]byte, bool) {
	data, err := base64.StdEncoding.DecodeString(text)
	return data, err == nil && base64.StdEncoding.EncodeToString(data) == text
}

// strictDecimal reads a decimal below 2^63 with one spelling.
func strictDecimal(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == text
}

type checkpoint struct {
	origin string
	size   int64
	root   tlog.Hash
}

func parseCheckpoint(text string) (cp checkpoint, ok bool) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return cp, false
	}
	size, okSize := strictDecimal(lines[1])
	root, okRoot := strictBase64(lines[2])
	if !okSize || !okRoot || len(root) != len(cp.root) {
		return cp, false
	}
	return checkpoint{lines[0], size, toHash(root)}, true
}

func (c *checker) openNote(msg []byte) (cp checkpoint, ok bool) {
	opened, err := note.Open(msg, note.VerifierList(c.verifier))
	if err != nil || bytes.IndexByte(msg, 0x7f) >= 0 {
		return cp, false
	}
	block := string(msg[len(opened.Text)+1:])
	lines := strings.Split(strings.TrimSuffix(block, "\n"), "\n")
	if len(lines) > 64 {
		return cp, false
	}
	for _, line := range lines {
		fields := strings.SplitN(strings.TrimPrefix(line, "— "), " ", 2)
		sig, strict := strictBase64(fields[1])
		if !strict {
			return cp, false
		}
		keyHash := uint32(sig[0])<<24 | uint32(sig[1])<<16 | uint32(sig[2])<<8 | uint32(sig[3])
		if fields[0] == c.verifier.Name() && keyHash == c.verifier.KeyHash() &&
			!c.verifier.Verify([]byte(opened.Text), sig[4:]) {
			return cp, false
		}
	}
	cp, ok = parseCheckpoint(opened.Text)
	return cp, ok && cp.origin == c.verifier.Name()
}

// parseReceipt reads a tlog-proof: the index, the hashes and the note.
func parseReceipt(text string) (index int64, proof tlog.RecordProof, msg string, ok bool) {
	rest := text
	next := func() (line string) {
		i := strings.IndexByte(rest, '\n')
		if i < 0 {
			rest = ""
			return "(none)"
		}
		line, rest = rest[:i], rest[i+1:]
		return line
	}
	if next() != "c2sp.org/tlog-proof@v1" {
		return 0, nil, "", false
	}
	line := next()
	if strings.HasPrefix(line, "extra ") {
		extra, strict := strictBase64(line[len("extra "):])
		if !strict || len(extra) == 0 {
			return 0, nil, "", false
		}
		line = next()
	}
	if !strings.HasPrefix(line, "index ") {
		return 0, nil, "", false
	}
	if index, ok = strictDecimal(line[len("index "):]); !ok {
		return 0, nil, "", false
	}
	for line = next(); line != ""; line = next() {
		hash, strict := strictBase64(line)
		if !strict || len(hash) != 32 || len(proof) == 63 {
			return 0, nil, "", false
		}
		proof = append(proof, toHash(hash))
	}
	return index, proof, rest, true
}

// leafHeader returns the origin and index that the leaf names.
func leafHeader(raw []byte) (origin string, index int64, previous string, ok bool) {
	lines := strings.Split(string(raw), "\n")
	if len(lines) != 6 || lines[0] != "custody-audit/v1" || lines[5] != "" {
		return "", 0, "", false
	}
	index, ok = strictDecimal(lines[2])
	return lines[1], index, lines[3], ok
}

func (c *checker) checkReceipt(t *testCase) bool {
	index, proof, msg, ok := parseReceipt(string(t.Receipt))
	if !ok {
		return false
	}
	cp, ok := c.openNote([]byte(msg))
	if !ok {
		return false
	}
	origin, leafIndex, _, ok := leafHeader(t.Raw)
	if !ok || leafIndex != index || origin != cp.origin {
		return false
	}
	return tlog.CheckRecord(proof, cp.size, cp.root, index, tlog.RecordHash(t.Raw)) == nil
}

// addLeaf grows the log; it says whether the leaf follows the one before.
func (c *checker) addLeaf(t *testCase) bool {
	hash := tlog.RecordHash(t.Raw)
	origin, index, previous, ok := leafHeader(t.Raw)
	if !ok || hash != toHash(t.Hash) || index != c.leaves || origin != c.verifier.Name() ||
		previous != fmt.Sprintf("%x", c.previous[:]) {
		return false
	}
	hashes, err := tlog.StoredHashes(c.leaves, t.Raw, c)
	if err != nil {
		return false
	}
	c.stored = append(c.stored, hashes...)
	c.leaves++
	c.previous = hash
	return true
}

func (c *checker) rootIs(size int64, root []byte) {
	hash, err := tlog.TreeHash(size, c)
	if err != nil || hash != toHash(root) {
		panic(fmt.Sprintf("the root of size %d differs", size))
	}
}

func (c *checker) checkInclusion(t *testCase) bool {
	c.rootIs(t.Size, t.Root)
	err := tlog.CheckRecord(toHashes(t.Proof), t.Size, toHash(t.Root), t.Index, toHash(t.Leaf))
	own, ownErr := tlog.ProveRecord(t.Size, t.Index, c)
	if ownErr != nil || sameHashes(own, toHashes(t.Proof)) != t.OK {
		panic(fmt.Sprintf("proof of %d in %d: equal to ours only if accepted", t.Index, t.Size))
	}
	return err == nil
}

func (c *checker) checkConsistency(t *testCase) bool {
	c.rootIs(t.Size, t.Root)
	c.rootIs(t.Old, t.OldRoot)
	if t.Old > t.Size {
		return false
	}
	err := tlog.CheckTree(toHashes(t.Proof), t.Size, toHash(t.Root), t.Old, toHash(t.OldRoot))
	own, ownErr := tlog.ProveTree(t.Size, t.Old, c)
	if ownErr != nil || sameHashes(own, toHashes(t.Proof)) != t.OK {
		panic(fmt.Sprintf("proof of %d to %d: equal to ours only if accepted", t.Old, t.Size))
	}
	return err == nil
}

// checkPath compares the path; the Go package puts the height of the tile into it, C2SP does not.
func checkPath(t *testCase) bool {
	tile := tlog.Tile{H: 8, L: t.Level, N: t.Index, W: t.Width}
	return t.Path == "tile/"+strings.TrimPrefix(tile.Path(), "tile/8/")
}

func (c *checker) checkTile(t *testCase) bool {
	data, err := tlog.ReadTileData(tlog.Tile{H: 8, L: t.Level, N: t.Index, W: t.Width}, c)
	return err == nil && bytes.Equal(data, bytes.Join(t.Hashes, nil)) && checkPath(t)
}

// checkKey reads the key and demands the one spelling.
func checkKey(text string) bool {
	verifier, err := note.NewVerifier(text)
	if err != nil {
		return false
	}
	for _, b := range []byte(text) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	fields := strings.SplitN(text, "+", 3)
	_, strict := strictBase64(fields[2])
	return strict && fields[1] == fmt.Sprintf("%08x", verifier.KeyHash())
}

func (c *checker) check(t *testCase) bool {
	switch t.Kind {
	case "leaf":
		return c.addLeaf(t)
	case "key":
		text, err := base64.StdEncoding.DecodeString(t.Vkey)
		return err == nil && checkKey(string(text))
	case "note":
		cp, ok := c.openNote(t.Note)
		if ok && t.OK && (cp.size != t.Size || cp.root != toHash(t.Root)) {
			panic("a note is read differently")
		}
		return ok
	case "receipt":
		return c.checkReceipt(t)
	case "inclusion":
		return c.checkInclusion(t)
	case "consistency":
		return c.checkConsistency(t)
	case "tile":
		return c.checkTile(t)
	case "path":
		return checkPath(t)
	}
	panic("unknown kind " + t.Kind)
}

func fail(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

func main() {
	c := &checker{}
	accepted, refused := map[string]int{}, map[string]int{}
	ended := false
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	for in.Scan() {
		var t testCase
		if err := json.Unmarshal(in.Bytes(), &t); err != nil {
			fail("line: %v", err)
		}
		if t.Kind == "start" {
			verifier, err := note.NewVerifier(t.Vkey)
			if err != nil {
				fail("the key: %v", err)
			}
			c.verifier = verifier
			continue
		}
		if t.Kind == "end" {
			ended = true
			break
		}
		if verdict := c.check(&t); verdict != t.OK {
			fail("verdicts differ: Go says %v about %s", verdict, in.Text())
		}
		if t.OK {
			accepted[t.Kind]++
		} else {
			refused[t.Kind]++
		}
	}
	if !ended {
		fail("the input ends early")
	}
	for _, kind := range []string{"leaf", "key", "note", "receipt", "inclusion", "consistency", "tile", "path"} {
		fmt.Printf("%-12s accepted %6d refused %6d\n", kind, accepted[kind], refused[kind])
		always := kind == "leaf" || kind == "tile" || kind == "path"
		if accepted[kind] == 0 || (refused[kind] == 0 && !always) {
			fail("%s: nothing accepted or nothing refused, so nothing was tested", kind)
		}
	}
}
