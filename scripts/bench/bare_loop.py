"""The least a fetcher can do: python bare_loop.py BASE COUNT [IN_FLIGHT].

One process, a sha256 each, no file. Prints what it fetched as one line of JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys

import aiohttp


async def main(base: str, count: int, in_flight: int) -> None:
    """Fetches BASE/0.jpg … and hashes."""
    numbers, shas, total = iter(range(count)), [], 0

    async def worker(session: aiohttp.ClientSession) -> None:
        nonlocal total
        for number in numbers:
            async with session.get(f"{base}/{number}.jpg") as response:
                response.raise_for_status()
                body = await response.read()
            shas.append(hashlib.sha256(body).digest())
            total += len(body)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight)) as session:
        await asyncio.gather(*(worker(session) for _ in range(in_flight)))
    told = hashlib.sha256(b"".join(sorted(shas))).hexdigest()
    print(json.dumps({"pictures": len(shas), "total_bytes": total, "digest": told}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int((sys.argv[3:] or ["64"])[0])))
