// Command monitor follows the served log as an outsider would, with golang.org/x/mod/sumdb: it fetches the checkpoint
// without a token, tiles without a token and entry bundles with one, and believes none of them before they fit together.
//
//	monitor <url> <ca file> <token file> <vkey> [old checkpoint file]
//
// It prints "followed <size> entries" and, on further lines, what it fetched. Exit 1: something does not fit.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const width = 256

type log struct {
	url, token string
	client     *http.Client
	fetched    []string
}

func fail(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

func read(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		fail("%v", err)
	}
	return strings.TrimSpace(string(data))
}

func (l *log) get(path, contentType, caching, token string) []byte {
	request, err := http.NewRequest("GET", l.url+"/audit/"+path, nil)
	if err != nil {
		fail("%v", err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := l.client.Do(request)
	if err != nil {
		fail("%v", err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != 200 {
		fail("%s: %s %v %s", path, response.Status, err, data)
	}
	if got := response.Header.Get("Content-Type"); got != contentType {
		fail("%s: content type %s", path, got)
	}
	if got := response.Header.Get("Cache-Control"); !strings.Contains(got, caching) {
		fail("%s: cache control %s", path, got)
	}
	l.fetched = append(l.fetched, path)
	return data
}

// Height, ReadTiles and SaveTiles make it a tlog.TileReader. Go puts the height of a tile into its path, C2SP does not.
func (l *log) Height() int { return 8 }

func (l *log) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		path := "tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
		data = append(data, l.get(path, "application/octet-stream", "immutable", ""))
	}
	return data, nil
}

func (l *log) SaveTiles([]tlog.Tile, [][]byte) {}

func open(text []byte, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		fail("checkpoint: %v", err)
	}
	var tree tlog.Tree
	var root string
	lines := strings.SplitN(opened.Text, "\n", 2)
	if n, err := fmt.Sscanf(lines[1], "%d\n%s\n", &tree.N, &root); n != 2 || err != nil || lines[0] != verifier.Name() {
		fail("checkpoint: %q", opened.Text)
	}
	hash, err := base64.StdEncoding.DecodeString(root)
	if err != nil || copy(tree.Hash[:], hash) != tlog.HashSize {
		fail("checkpoint: root %q", root)
	}
	return tree
}

// entries fetches the bundles of the tree; each is a run of leaves with their lengths before them.
func (l *log) entries(size int64) (leaves [][]byte) {
	for n := int64(0); n*width < size; n++ {
		tile := tlog.Tile{H: 8, L: 0, N: n, W: width}
		if size-n*width < width {
			tile.W = int(size - n*width)
		}
		path := "tile/entries/" + strings.TrimPrefix(tile.Path(), "tile/8/0/")
		data := l.get(path, "application/octet-stream", "immutable", l.token)
		for count := 0; count < tile.W; count++ {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				fail("%s: ends early", path)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			leaves = append(leaves, data[2:end])
			data = data[end:]
		}
		if len(data) != 0 {
			fail("%s: has more than %d entries", path, tile.W)
		}
	}
	return leaves
}

type stored []tlog.Hash

func (s *stored) ReadHashes(indexes []int64) (hashes []tlog.Hash, err error) {
	for _, index := range indexes {
		hashes = append(hashes, (*s)[index])
	}
	return hashes, nil
}

// chain hashes the leaves into a tree of our own and compares index and predecessor of each.
func chain(leaves [][]byte, origin string) *stored {
	own := &stored{}
	var previous tlog.Hash
	for i, leaf := range leaves {
		head := fmt.Sprintf("custody-audit/v1\n%s\n%d\n%x\n", origin, i, previous[:])
		if !strings.HasPrefix(string(leaf), head) {
			fail("entry %d does not follow entry %d", i, i-1)
		}
		hashes, err := tlog.StoredHashes(int64(i), leaf, own)
		if err != nil {
			fail("%v", err)
		}
		*own = append(*own, hashes...)
		previous = tlog.RecordHash(leaf)
	}
	return own
}

func check(tree tlog.Tree, own *stored, reader tlog.HashReader) {
	for name, hashes := range map[string]tlog.HashReader{"entries": own, "tiles": reader} {
		root, err := tlog.TreeHash(tree.N, hashes)
		if err != nil || root != tree.Hash {
			fail("the root of the %s is %v %v, signed is %v", name, root, err, tree.Hash)
		}
	}
	for i := int64(0); i < tree.N; i++ {
		hash, err := own.ReadHashes([]int64{tlog.StoredHashIndex(0, i)})
		if err != nil {
			fail("%v", err)
		}
		proof, err := tlog.ProveRecord(tree.N, i, own)
		if err == nil {
			err = tlog.CheckRecord(proof, tree.N, tree.Hash, i, hash[0])
		}
		if err != nil {
			fail("entry %d: %v", i, err)
		}
	}
}

func main() {
	if len(os.Args) < 5 {
		fail("monitor <url> <ca file> <token file> <vkey> [old checkpoint file]")
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(read(os.Args[2])))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	l := &log{url: os.Args[1], token: read(os.Args[3]), client: &http.Client{Transport: transport}}
	verifier, err := note.NewVerifier(os.Args[4])
	if err != nil {
		fail("the key: %v", err)
	}
	tree := open(l.get("checkpoint", "text/plain; charset=utf-8", "no-store", ""), verifier)
	reader := tlog.TileHashReader(tree, l)
	check(tree, chain(l.entries(tree.N), verifier.Name()), reader)
	if len(os.Args) > 5 {
		old := open([]byte(read(os.Args[5])+"\n"), verifier)
		proof, err := tlog.ProveTree(tree.N, old.N, reader)
		if err == nil {
			err = tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash)
		}
		if err != nil {
			fail("from %d entries to %d: %v", old.N, tree.N, err)
		}
		fmt.Printf("extends %d entries\n", old.N)
	}
	fmt.Printf("followed %d entries\n%s\n", tree.N, strings.Join(l.fetched, "\n"))
}
