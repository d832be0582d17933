"""The coordinator's own pack and journal, for bytes that no owner fetched: embedded, imported, reused, derived."""

from __future__ import annotations

from pixmo.ask import Outcome
from pixmo.ids import Digest, digest
from pixmo.storage.journal import JournalWriter, Line, encode
from pixmo.storage.packs import PackWriter
from pixmo.storage.store import Store


class OwnFiles:
    """Opened when first needed; the caller holds the store's lock."""

    def __init__(self, store: Store) -> None:
        name = store.writer_name("own")
        self.packs = PackWriter(store.folder / "packs", name)
        self.journal = JournalWriter(store.folder / "journal", name)

    def put(self, store: Store, data: bytes) -> Digest:
        """Keeps bytes, once, unless they were taken down; their digest either way."""
        sha = digest(data)
        if sha not in store.tombstones and store.packs.locate(sha) is None:
            store.packs.note(sha, self.packs.put(data, bytes.fromhex(sha)))
        return sha

    def answer(self, store: Store, key: Digest, rnd: int, data: bytes, origin: str) -> Line:
        """Journals bytes at hand as the answer to a question."""
        where = self.packs.put(data)
        line: Line = {
            "key": key, "round": rnd, "outcome": str(Outcome.OK), "detail": origin, "sha256": digest(data),
            "pack": where.pack, "offset": where.offset, "size": where.length,
        }  # fmt: skip
        offset = self.journal.size
        self.journal.write(encode(line))
        store.journal.note(line, self.journal.path, offset)
        store.packs.note(line["sha256"], where)
        return line

    def close(self) -> None:
        """Syncs the pack, then the journal."""
        self.packs.close()
        self.journal.close()
