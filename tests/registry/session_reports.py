"""Reports of sessions, as agents send them."""

from __future__ import annotations

from typing import Any

import httpx


def a_report(*texts: str, first: int = 0, **fields: Any) -> dict[str, Any]:
    turns = [
        {"number": number, "role": "user" if number % 2 == 0 else "assistant", "text": text}
        for number, text in enumerate(texts, first)
    ]
    return {"agentId": "7", "rowId": "7", "room": "agent-7-room", "turns": turns} | fields


TAKEN = {"nEvents": None, "keepsRooms": True}


async def tell(client: httpx.AsyncClient, session_id: str = "one", **fields: Any) -> int:
    taken = await client.put(f"/api/sessions/{session_id}", json=a_report(**fields))
    assert taken.status_code == 200, taken.text
    n_turns: int = taken.json()["nTurns"]
    return n_turns
