"""Results appear only when they are whole."""

from __future__ import annotations

import pytest

from launch.errors import LaunchError
from launch.output_folder import OutputFolder


def prepared(final, overwrite=False):
    folder = OutputFolder(final, overwrite)
    folder.prepare()
    folder.own()
    return folder


def test_files_move_when_the_run_has_succeeded(tmp_path):
    folder = prepared(tmp_path / "out")
    (folder.partial / "deep").mkdir()
    (folder.partial / "deep" / "b.h5").write_text("b")
    (folder.partial / "a.h5").write_text("a")
    assert not folder.final.exists()
    placed = folder.commit()
    assert [path.relative_to(tmp_path).as_posix() for path in placed] == [
        "out/a.h5",
        "out/deep/b.h5",
    ]
    assert (tmp_path / "out" / "a.h5").read_text() == "a"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_nothing_is_left_of_a_failure(tmp_path):
    folder = prepared(tmp_path / "out")
    (folder.partial / "a.h5").write_text("half")
    folder.discard()
    assert not list(tmp_path.iterdir())


def test_earlier_results_stay_unless_told(tmp_path):
    final = tmp_path / "out"
    final.mkdir()
    (final / "spikes.h5").write_text("old")
    with pytest.raises(LaunchError, match=r"holds spikes.h5 of an earlier run.*--overwrite"):
        OutputFolder(final).prepare()
    folder = prepared(final, overwrite=True)
    (folder.partial / "spikes.h5").write_text("new")
    assert (final / "spikes.h5").read_text() == "old"
    folder.commit()
    assert (final / "spikes.h5").read_text() == "new"


def test_what_a_killed_run_left_is_swept_away(tmp_path):
    stale = prepared(tmp_path / "out")
    (stale.partial / "a.h5").write_text("half")
    assert not list(prepared(tmp_path / "out").partial.iterdir())


def test_a_job_that_did_not_start_removes_nothing(tmp_path):
    other = prepared(tmp_path / "out")
    OutputFolder(tmp_path / "out").discard()
    assert other.partial.is_dir()


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(LaunchError, match="is a file"):
        OutputFolder(tmp_path / "out").prepare()


def test_flushed_spikes_outlive_a_failure(tmp_path):
    folder = prepared(tmp_path / "out")
    (folder.partial / "report.h5").write_text("half")
    (folder.partial / "flushed").mkdir()
    log = folder.partial / "flushed" / "000000.spikes"
    log.write_bytes(16 * b"x")
    folder.discard()
    assert list(folder.partial.iterdir()) == [log.parent]
    log.write_bytes(b"")
    folder.discard()
    assert not folder.partial.exists()
