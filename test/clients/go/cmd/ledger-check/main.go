// ledger-check verifies what `meshmint ledger export` and `prove` write, with Go's own transparency log packages and
// nothing of ours: the checkpoint's signature, the tree from its tiles and from its entries, and both kinds of proof.
//
//	ledger-check folder FOLDER
//	ledger-check inclusion VKEY < the JSON of `ledger prove --index`
//	ledger-check consistency VKEY < the JSON of `ledger prove --old-size`
package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: ledger-check folder FOLDER | inclusion VKEY | consistency VKEY")
		os.Exit(2)
	}
	checks := map[string]func(string) (string, error){
		"folder": checkFolder, "inclusion": checkInclusion, "consistency": checkConsistency,
	}
	check, known := checks[os.Args[1]]
	if !known {
		fmt.Fprintln(os.Stderr, "no such check")
		os.Exit(2)
	}
	said, err := check(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(said)
}

func openCheckpoint(vkey string, text []byte) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("the note is no checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// tileFolder reads tiles where C2SP tlog-tiles puts them.
type tileFolder string

func (folder tileFolder) Height() int                     { return tileHeight }
func (folder tileFolder) SaveTiles([]tlog.Tile, [][]byte) {}

func (folder tileFolder) path(level string, number int64, width int) string {
	name := fmt.Sprintf("%03d", number%1000)
	for number /= 1000; number > 0; number /= 1000 {
		name = fmt.Sprintf("x%03d/%s", number%1000, name)
	}
	if width != 1<<tileHeight {
		name = fmt.Sprintf("%s.p/%d", name, width)
	}
	return filepath.Join(string(folder), "tile", level, name)
}

func (folder tileFolder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for at, tile := range tiles {
		data, err := os.ReadFile(folder.path(strconv.Itoa(tile.L), tile.N, tile.W))
		if err != nil {
			return nil, err
		}
		all[at] = data
	}
	return all, nil
}

func checkFolder(path string) (string, error) {
	folder := tileFolder(path)
	vkey, err := os.ReadFile(filepath.Join(path, "ledger.vkey"))
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(path, "checkpoint"))
	if err != nil {
		return "", err
	}
	tree, err := openCheckpoint(strings.TrimSpace(string(vkey)), text)
	if err != nil {
		return "", err
	}
	// TileHashReader authenticates every tile against the checkpoint's root before it uses it.
	reader := tlog.TileHashReader(tree, folder)
	for index := int64(0); index < tree.N; {
		width := min(1<<tileHeight, tree.N-index)
		bundle, err := os.ReadFile(folder.path("entries", index>>tileHeight, int(width)))
		if err != nil {
			return "", err
		}
		for end := index + width; index < end; index++ {
			if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
				return "", fmt.Errorf("entry %d: its bundle is too short", index)
			}
			size := int(binary.BigEndian.Uint16(bundle))
			entry := bundle[2 : 2+size]
			bundle = bundle[2+size:]
			if err := checkEntry(reader, tree, index, entry); err != nil {
				return "", err
			}
		}
		if len(bundle) > 0 {
			return "", fmt.Errorf("bytes after entry %d", index-1)
		}
	}
	return fmt.Sprintf("ok %d %s", tree.N, tree.Hash), nil
}

func checkEntry(reader tlog.HashReader, tree tlog.Tree, index int64, entry []byte) error {
	proof, err := tlog.ProveRecord(tree.N, index, reader)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	return nil
}

type proof struct {
	Index      int64    `json:"index"`
	Entry      []byte   `json:"entry"`
	OldSize    int64    `json:"oldSize"`
	OldRoot    []byte   `json:"oldRoot"`
	Hashes     []string `json:"hashes"`
	Checkpoint string   `json:"checkpoint"`
}

func readProof(vkey string) (proof, tlog.Tree, []tlog.Hash, error) {
	var read proof
	if err := json.NewDecoder(os.Stdin).Decode(&read); err != nil {
		return read, tlog.Tree{}, nil, err
	}
	tree, err := openCheckpoint(vkey, []byte(read.Checkpoint))
	if err != nil {
		return read, tree, nil, err
	}
	hashes := make([]tlog.Hash, len(read.Hashes))
	for at, text := range read.Hashes {
		if hashes[at], err = tlog.ParseHash(text); err != nil {
			return read, tree, nil, err
		}
	}
	return read, tree, hashes, nil
}

func checkInclusion(vkey string) (string, error) {
	read, tree, hashes, err := readProof(vkey)
	if err != nil {
		return "", err
	}
	err = tlog.CheckRecord(hashes, tree.N, tree.Hash, read.Index, tlog.RecordHash(read.Entry))
	return fmt.Sprintf("ok %d of %d", read.Index, tree.N), err
}

func checkConsistency(vkey string) (string, error) {
	read, tree, hashes, err := readProof(vkey)
	if err != nil {
		return "", err
	}
	old, err := tlog.ParseHash(base64.StdEncoding.EncodeToString(read.OldRoot))
	if err != nil {
		return "", err
	}
	err = tlog.CheckTree(hashes, tree.N, tree.Hash, read.OldSize, old)
	return fmt.Sprintf("ok %d to %d", read.OldSize, tree.N), err
}
