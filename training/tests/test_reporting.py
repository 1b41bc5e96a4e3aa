import pytest

from mice_train import reporting
from mice_train.whole_file import write_whole


def test_without_a_terminal_progress_is_a_line_now_and_then(monkeypatch):
    monkeypatch.setattr(reporting, "SECONDS_BETWEEN_LINES", 0)
    lines = []
    assert list(reporting.progress([1, 2, 3], "count", lines.append)) == [1, 2, 3]
    assert [line.split(",")[0] for line in lines] == ["count: 1/3", "count: 2/3"]


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("before")

    def fail(unfinished):
        unfinished.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(path, fail)
    assert [found.name for found in tmp_path.iterdir()] == ["file.txt"]
    assert path.read_text() == "before"
