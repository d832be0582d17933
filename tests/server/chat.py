"""A server that speaks the OpenAI chat, files and batches API as it is told to, and remembers who asked what.

    with ChatServer(answer=lambda body: "a caption") as server:
        server.script = ["429:0.1", "500", "ok"]     # what happens to the next requests, in order; then `shares`
        server.shares = {"429": 0.05, "hang": 0.01}  # drawn from the seed, the question and how often it was asked
        … ChatSettings(model="m", base_url=server.base_url) …
        server.times("what is asked")                # requests in which the user says this
        server.log[0].fault

`answer(body)` gives the text for a request's body; the default repeats what the user said. It runs in a thread of its
own; alone: `python -m tests.server.chat --latency 0.2 --shares '{"429": 0.05}'` prints its base URL, and GET /log tells
what was asked.

fault                what happens (`ok`: nothing)
429[:S]              Retry-After of S seconds; 429:date:S as a date; 429:ms:N as retry-after-ms; 429:quota no money left
500 503 …            that status, with an error as the API words it; 404 is an unknown model, 400 a bad request
hang reset           no answer; connection closed
malformed html       200 with half a JSON body; 200 with a web page
no_choices           200 with JSON that is no completion
cut refusal filtered a completion that ended by length; with a refusal; by the content filter
prose wrong_schema   the text is no JSON; is JSON of another shape
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, NamedTuple, Self

from aiohttp import web

Body = dict[str, Any]
CHARS_PER_TOKEN = 4


class Seen(NamedTuple):
    """One request, or one line of a batch, as it was answered; `at` is `time.monotonic()` of its arrival."""

    at: float
    question: str  # all that the user said
    fault: str
    tokens_in: int
    tokens_out: int
    body: Body
    batch: str = ""


def question_of(body: Body) -> str:
    """What a request asks: all that the user says in it."""
    return "\n\n".join(str(m["content"]) for m in body["messages"] if m["role"] == "user")


def n_tokens(text: str) -> int:
    """Tokens as this server counts them."""
    return -(-len(text) // CHARS_PER_TOKEN)


class Reply(NamedTuple):
    """A status, headers, and a body that is JSON or text."""

    status: int
    body: Body | str
    headers: dict[str, str] = {}  # noqa: RUF012 – never changed
    usage: tuple[int, int] = (0, 0)  # what it is charged for, also when the body is spoiled


class ChatServer:
    """See the module. A context manager: the server lives in a thread of its own while the block runs."""

    def __init__(
        self,
        answer: Callable[[Body], str] = question_of,
        *,
        latency_s: float = 0.0,
        shares: dict[str, float] | None = None,
        seed: int = 0,
        port: int = 0,
    ) -> None:
        self.answer, self.latency_s, self.seed, self.port = answer, latency_s, seed, port
        self.shares = shares or {}
        self.script: list[str] = []
        self.key = ""  # the one that is let in; none: everybody is
        self.models: set[str] = set()  # those that exist; none: all do
        self.tells_usage = True
        self.log: list[Seen] = []
        self.authorizations: list[str] = []  # the header of each request
        self.in_flight = self.most_in_flight = 0
        self.batches: dict[str, Body] = {}
        self.batch_polls = 1  # polls that find a batch unfinished
        self.batch_end = "completed"  # or failed, expired, cancelled
        self.batch_answered = 10**9  # lines that an expired or cancelled batch got done
        self.files: dict[str, bytes] = {}
        self._tries: Counter[str] = Counter()
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self.serve(),), daemon=True)

    @property
    def base_url(self) -> str:
        """What a client is given."""
        return f"http://127.0.0.1:{self.port}/v1"

    def times(self, part: str = "") -> int:
        """How often something was asked in which the user says `part`."""
        return sum(part in seen.question for seen in self.log)

    def answered(self, part: str = "") -> int:
        """How often it was answered with a whole completion."""
        return sum(part in s.question and s.tokens_in > 0 and s.fault != "malformed" for s in self.log)

    def tokens(self) -> tuple[int, int]:
        """Tokens in and out of all that is charged for."""
        return sum(s.tokens_in for s in self.log), sum(s.tokens_out for s in self.log)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(10):
            raise RuntimeError("the server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        self._loop.close()

    async def serve(self) -> None:
        """Serves until the block ends."""
        app = web.Application(client_max_size=2**28)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files/{id}/content", self._download)
        app.router.add_post("/v1/batches", self._open_batch)
        app.router.add_get("/v1/batches", self._list_batches)
        app.router.add_get("/v1/batches/{id}", self._poll_batch)
        app.router.add_post("/v1/batches/{id}/cancel", self._cancel_batch)
        app.router.add_get("/log", self._tell)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        self._started.set()
        await self._end.wait()
        await runner.cleanup()
        hanging = asyncio.all_tasks() - {asyncio.current_task()}
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)

    # chat

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        at, body = time.monotonic(), await request.json()
        self.authorizations.append(request.headers.get("Authorization", ""))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            fault = self._fault(request, body)
            if fault == "hang":
                self._note(at, body, fault)
                await asyncio.sleep(3600)
            if self.latency_s and not fault[0].isdigit():
                await asyncio.sleep(self.latency_s)
            if fault == "reset":
                self._note(at, body, fault)
                assert request.transport is not None  # it is connected
                request.transport.abort()
                return web.Response()
            reply = self.reply(body, fault)
            self._note(at, body, fault, reply)
        finally:
            self.in_flight -= 1
        return _response(reply)

    def _fault(self, request: web.Request, body: Body) -> str:
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return "401"
        if self.models and body["model"] not in self.models:
            return "404"
        if self.script:
            return self.script.pop(0)
        question = question_of(body)
        self._tries[question] += 1
        return draw(self.shares, self.seed, question, self._tries[question])

    def reply(self, body: Body, fault: str = "ok") -> Reply:
        """The answer to one request with a fault that is an answer."""
        if fault[0].isdigit():
            return _error(fault, body)
        if fault == "html":
            return Reply(200, "<!doctype html><title>Welcome</title>")
        if fault == "no_choices":
            return Reply(200, {"object": "chat.completion", "choices": []})
        text: str | None = {"prose": "Here you are: nothing", "wrong_schema": '{"wrong": true}'}.get(fault)
        done = self._completion(body, self.answer(body) if text is None else text, fault)
        usage = (_tokens_of(body), n_tokens(str(done["choices"][0]["message"]["content"] or "")))
        return Reply(200, json.dumps(done)[:-20] if fault == "malformed" else done, usage=usage)

    def _completion(self, body: Body, text: str, fault: str) -> Body:
        most = body.get("max_completion_tokens") or body.get("max_tokens") or 10**9
        reason = "stop"
        if fault == "cut":
            text, reason = text[: len(text) // 2], "length"
        if n_tokens(text) > most:
            text, reason = text[: most * CHARS_PER_TOKEN], "length"
        message: Body = {"role": "assistant", "content": text, "refusal": None}
        if fault == "refusal":
            message |= {"content": None, "refusal": "I cannot help with that."}
        if fault == "filtered":
            message, reason = message | {"content": ""}, "content_filter"
        n_in, n_out = _tokens_of(body), n_tokens(str(message["content"] or ""))
        usage = {"prompt_tokens": n_in, "completion_tokens": n_out, "total_tokens": n_in + n_out}
        return {
            "id": f"chatcmpl-{len(self.log)}",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": body["model"] + "-0001",
            "system_fingerprint": "fp_test",
            "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
        } | ({"usage": usage} if self.tells_usage else {})

    def _note(self, at: float, body: Body, fault: str, reply: Reply | None = None, batch: str = "") -> None:
        self.log.append(Seen(at, question_of(body), fault, *(reply.usage if reply else (0, 0)), body, batch))

    async def _tell(self, request: web.Request) -> web.StreamResponse:
        log = [seen._replace(body={})._asdict() for seen in self.log]
        return web.json_response({"log": log, "most_in_flight": self.most_in_flight})

    # files and batches

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        field = form["file"]
        assert isinstance(field, web.FileField)
        name = self._keep(field.file.read())
        return web.json_response(
            {"id": name, "object": "file", "bytes": len(self.files[name]), "created_at": 1_700_000_000}
            | {"filename": field.filename, "purpose": str(form["purpose"]), "status": "processed"}
        )

    def _keep(self, data: bytes) -> str:
        name = f"file-{len(self.files)}"
        self.files[name] = data
        return name

    async def _download(self, request: web.Request) -> web.StreamResponse:
        data = self.files.get(request.match_info["id"])
        return _response(_error("404", {})) if data is None else web.Response(body=data)

    async def _open_batch(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        name = f"batch_{len(self.batches)}"
        lines = self.files[body["input_file_id"]].splitlines()
        counts = {"total": len(lines), "completed": 0, "failed": 0}
        given = {k: body[k] for k in ("input_file_id", "endpoint", "completion_window")}
        self.batches[name] = (
            given
            | {"id": name, "object": "batch", "status": "validating", "created_at": 1_700_000_000}
            | {"output_file_id": None, "error_file_id": None, "request_counts": counts, "polls": 0, "errors": None}
            | {"metadata": body.get("metadata")}
        )
        return web.json_response(self.batches[name])

    async def _poll_batch(self, request: web.Request) -> web.StreamResponse:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return _response(_error("404", {}))
        batch["polls"] += 1
        if batch["status"] in ("validating", "in_progress", "cancelling"):
            cancelling = batch["status"] == "cancelling"
            if batch["polls"] <= self.batch_polls and not cancelling:
                batch["status"] = "in_progress"
            else:
                self._finish(batch, "cancelled" if cancelling else self.batch_end)
        return web.json_response(batch)

    async def _list_batches(self, request: web.Request) -> web.StreamResponse:
        newest_first = list(self.batches)[::-1]
        if after := request.query.get("after"):
            newest_first = newest_first[newest_first.index(after) + 1 :]
        page = newest_first[:2]  # few, so that clients must turn pages
        return web.json_response(
            {"object": "list", "data": [self.batches[n] for n in page], "has_more": len(newest_first) > 2}
            | {"first_id": page[0] if page else None, "last_id": page[-1] if page else None}
        )

    async def _cancel_batch(self, request: web.Request) -> web.StreamResponse:
        batch = self.batches[request.match_info["id"]]
        batch["status"] = "cancelling"
        return web.json_response(batch)

    def _finish(self, batch: Body, end: str) -> None:
        batch["status"] = end
        if end == "failed":
            batch["errors"] = {"object": "list", "data": [{"code": "invalid_json", "message": "line 1", "line": 1}]}
            return
        good, bad = [], []
        for number, line in enumerate(self.files[batch["input_file_id"]].splitlines()):
            told = json.loads(line)
            if end != "completed" and number >= self.batch_answered:
                error = {"code": f"batch_{end}", "message": f"the batch {end}"}
                bad.append({"id": f"r{number}", "custom_id": told["custom_id"], "response": None, "error": error})
                continue
            fault = self.script.pop(0) if self.script else "ok"
            reply = self.reply(told["body"], fault)
            self._note(time.monotonic(), told["body"], fault, reply, batch["id"])
            response = {"status_code": reply.status, "request_id": f"req_{number}", "body": reply.body}
            entry = {"id": f"r{number}", "custom_id": told["custom_id"], "response": response, "error": None}
            (good if reply.status == 200 else bad).append(entry)
        for key, entries in (("output_file_id", good), ("error_file_id", bad)):
            if entries:
                random.Random(self.seed).shuffle(entries)  # the order of answers is not that of the questions
                batch[key] = self._keep("".join(json.dumps(e) + "\n" for e in entries).encode())
        batch["request_counts"] |= {"completed": len(good), "failed": len(bad)}


def _tokens_of(body: Body) -> int:
    return sum(n_tokens(m["content"]) + 4 for m in body["messages"])


def draw(shares: dict[str, float], seed: int, question: str, nth: int) -> str:
    """The fault of the n-th request (from 1) of a question: the same in every process."""
    if not shares:
        return "ok"
    at = random.Random(f"{seed}/{question}/{nth}").random()
    for fault, share in shares.items():
        if (at := at - share) < 0:
            return fault
    return "ok"


_WORDS = {
    "400": ("invalid_request_error", "context_length_exceeded", "This request is too long."),
    "401": ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    "404": ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    "429": ("requests", "rate_limit_exceeded", "Rate limit reached."),
    "429:quota": ("insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
}


def _error(fault: str, body: Body) -> Reply:
    status, _, rest = fault.partition(":")
    kind, code, message = _WORDS.get(fault) or _WORDS.get(status) or ("server_error", None, "The server had an error.")
    how, _, number = rest.partition(":")
    headers: dict[str, str] = {}
    if how == "ms":
        headers = {"retry-after-ms": number}
    elif how == "date":
        headers = {"Retry-After": formatdate(time.time() + float(number), usegmt=True)}
    elif how and how != "quota":
        headers = {"Retry-After": how}
    return Reply(int(status), {"error": {"message": message, "type": kind, "code": code, "param": None}}, headers)


def _response(reply: Reply) -> web.StreamResponse:
    headers = {"x-request-id": "req_test", **reply.headers}
    if isinstance(reply.body, str):
        kind = "text/html" if reply.body.startswith("<") else "application/json"
        return web.Response(status=reply.status, text=reply.body, headers=headers, content_type=kind)
    return web.json_response(reply.body, status=reply.status, headers=headers)


def main() -> None:
    """Serves until it is stopped."""
    options = argparse.ArgumentParser(description="A scripted chat server on loopback.")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--latency", type=float, default=0.0)
    options.add_argument("--shares", type=json.loads, default={})
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--answer", default="", help="the text of every answer; none: the question")
    options.add_argument(
        "--answer-by",
        default="",
        metavar="MODULE:NAME",
        help="what answers: a function of the request's body, or a class of such",
    )
    given = options.parse_args()
    answer = (lambda body: given.answer) if given.answer else question_of
    if given.answer_by:
        module, _, name = given.answer_by.partition(":")
        found = getattr(importlib.import_module(module), name)
        answer = found() if isinstance(found, type) else found
    server = ChatServer(answer, latency_s=given.latency, shares=given.shares, seed=given.seed, port=given.port)
    with server:
        print(server.base_url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
