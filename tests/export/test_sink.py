import hashlib
from pathlib import Path

import pytest

from nest_builder.export.sink import BLOCK, HashedFile


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize(
    "pieces", [[], [b""], [b"abc"], [b"x" * 4096] * 3, [b"y" * (BLOCK - 1), b"z"], [b"w" * (6 * BLOCK + 513), b"v"]]
)
def test_what_is_written_is_there_with_its_hash(tmp_path: Path, pieces: list[bytes], direct: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"what was there before, and longer" * 100)
    with HashedFile(path, direct) as file:
        for piece in pieces:
            assert file.write(piece) == len(piece)
        assert file.tell() == file.size == sum(map(len, pieces))
        with pytest.raises(ValueError, match="once it is closed"):
            _ = file.sha256
    whole = b"".join(pieces)
    assert path.read_bytes() == whole
    assert (file.size, file.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    file.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("size", [10, 2 * BLOCK, 8 * BLOCK])
def test_a_full_disk_is_said(size: int) -> None:
    def fill() -> None:
        with HashedFile(Path("/dev/full")) as file:
            file.write(b"x" * size)

    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="No space left"):
        fill()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
