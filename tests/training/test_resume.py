"""Killed at any moment and started again, a run ends in the same weights."""

import pytest
from killed_run import assert_same_run, finish, kill_after, start
from tiny_run import write_recipe, write_tsv


@pytest.mark.slow  # Five processes; the same in one is in test_resumable_fit.py.
def test_two_kills_and_a_truncated_checkpoint_change_no_bit(tmp_path):
    recipe = write_recipe(tmp_path / "tiny")
    data = write_tsv(tmp_path / "reviews.tsv")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    uninterrupted = start(recipe, data, whole)

    first, _ = kill_after(start(recipe, data, broken), broken, step=5)
    newest = broken / "seed-3" / "checkpoints" / first[0]["file"]
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])

    second, printed = kill_after(
        start(recipe, data, broken), broken, step=first[0]["step"] + 12
    )
    assert f"Skipped a damaged checkpoint, {first[0]['file']}" in printed
    assert "Going on from epoch" in printed
    assert second[0]["step"] > first[0]["step"]

    assert "Going on from epoch" in finish(start(recipe, data, broken))
    finish(uninterrupted)
    assert_same_run(whole, broken)
