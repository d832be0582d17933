"""Answers that Ai2's own script kept in its cache folder: an old evaluation is judged again without asking anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pixmo.ask import Answer, ChatOutcome
from pixmo.engines.chat.question import ChatQuestion
from pixmo.errors import BadSetting
from pixmo.judge.ai2_cache import ai2_completion, ai2_file_names


class Ai2Answers:
    """What a folder of that script knows; questions of several messages were never asked by it."""

    def __init__(self, folder: Path, model: str) -> None:
        if not folder.is_dir():
            raise BadSetting(f"--ai2-cache {folder}: no such folder; it is the `gpt4-cache` of Ai2's script")
        self._folder, self._model = folder, model

    def get(self, question: ChatQuestion) -> Answer[Any] | None:
        """The answer as it was kept; None when there is none. Raises BadSource for a damaged file."""
        if len(question.messages) != 1 or question.draw:
            return None
        for name in ai2_file_names(self._model, question.messages[0].content):
            path = self._folder / name
            if path.is_file():
                facts = ai2_completion(path.read_bytes(), str(path)) | {"prompt": question.prompt, "kept": "ai2"}
                return Answer(ChatOutcome.OK, facts["text"], "", facts)
        return None
