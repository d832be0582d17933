"""`pixmo annotate qa`: people ask about pictures, and judge or write answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pixmo.cli.annotate_serving import ADDRESS, GOLD, PATH, PEOPLE, address_of, require_extra, tell, with_options

_CHAT = (
    "model",
    "base_url",
    "key_env",
    "temperature",
    "max_tokens",
    "usd_per_mtok_in",
    "usd_per_mtok_out",
    "budget_usd",
)


@click.command()
@click.argument("images", type=PATH)
@click.argument("out", type=PATH)
@click.option("--model", help="The language model that drafts answers; without it, people write them.")
@click.option("--base-url", help="Where it is: any OpenAI-compatible endpoint, such as http://localhost:8000/v1.")
@click.option("--key-env", help="The environment variable that holds the key. [default: OPENAI_API_KEY]")
@click.option("--temperature", type=float, help="How freely it answers. [default: 0]")
@click.option("--max-tokens", type=int, help="Of one draft. [default: 1024]")
@click.option("--usd-per-mtok-in", type=float, help="Its price for a million tokens read.")
@click.option("--usd-per-mtok-out", type=float, help="Its price for a million tokens written.")
@click.option("--budget-usd", type=float, help="What drafts may cost in OUT altogether; needs both prices.")
@with_options(*PEOPLE, *GOLD, *ADDRESS)
def command(images: Path, out: Path, **values: Any) -> None:  # Any: option values
    """Collect questions about pictures and their answers.

    IMAGES is a folder of pictures, or a CSV or JSONL file with a column `image`; its column `question` asks what is to be answered, and
    `caption` and `text` tell a model about the picture. What people ask and answer is in OUT/qa.parquet and OUT/qa.jsonl, with the
    drafts they rejected and why. It runs until Ctrl-C; the same command goes on.
    """
    require_extra("qa")
    from pixmo.annotate.run_answers import Work, collect_questions
    from pixmo.engines.chat.settings import ChatSettings
    from pixmo.errors import BadSetting

    address = address_of(values)
    chat = {name: values.pop(name) for name in _CHAT}
    told = {name: value for name, value in chat.items() if value is not None}
    if told and "model" not in told:
        raise BadSetting(f"--{next(iter(told)).replace('_', '-')}: name a --model as well")
    settings = ChatSettings(**told, timeout_s=60.0, retries=2) if told else None
    collect_questions(images, out, Work(**values), settings, address, tell)
