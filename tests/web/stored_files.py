"""Files and folders that tests of the web app store over the API."""

from __future__ import annotations

import httpx

from .conftest import PLAIN, Person

HOSTILE_NAME = "<img src=x onerror=\"document.title='run'\">.txt"
"""A name that would run a script if it were markup anywhere."""


async def store_folder(person: Person, name: str, parent: str = "root") -> str:
    """Return the id of a new folder."""
    folder = await person.call("POST", "/v1/folders", {"name": name, "parent_id": parent})
    return str(folder["id"])


async def store_file(person: Person, name: str, body: bytes, content_type: str = "text/plain", **options: str) -> str:
    """Return the id of a new file. `options` are other fields of the upload, such as `parent_id`."""
    intent = {"name": name, "size": len(body), "content_type": content_type, **options}
    upload = await person.call("POST", "/v1/uploads", intent)
    async with httpx.AsyncClient(timeout=60, verify=PLAIN) as http:
        sent = await http.put(upload["url"], content=body, headers=upload["headers"])
    assert sent.status_code == 200, sent.text
    done = await person.call("POST", f"/v1/uploads/{upload['id']}/complete")
    return str(done["file_id"])
