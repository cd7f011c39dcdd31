"""The browser's protections: the policy, names as text, the session cookie."""

from __future__ import annotations

import httpx
from playwright.async_api import expect

from .conftest import PASSWORD, Person, row
from .uploading import drop, panel

HOSTILE = (
    "<img src=x onerror=window.hacked=1>",
    "<script>window.hacked=1</script>",
    "javascript:window.hacked=1",
    '"><svg onload=window.hacked=1>',
    "${window.hacked=1}{{window.hacked=1}}",
    "\u202egnp.exe",
)


_WRITE_MARKUP = """() => new Promise((resolve) => {
  document.addEventListener('securitypolicyviolation', (event) => resolve(event.violatedDirective));
  try { document.body.innerHTML = '<p>markup</p>' } catch {}
})"""


async def test_names_are_text_everywhere(person: Person) -> None:
    for name in HOSTILE:
        await person.call("POST", "/v1/folders", {"name": name.replace("/", "∕"), "parent_id": "root"})
    page = await person.open("/files/root")
    shown = HOSTILE[0]
    await drop(page, {"<b onclick=window.hacked=1>.txt": "x"})
    await expect(panel(page).get_by_text("1 file uploaded")).to_be_visible()
    await page.get_by_role("button", name="Show as grid").click()
    await page.get_by_role("button", name="Show as list").click()
    await row(page, shown).click(button="right")
    await page.get_by_role("menuitem", name="Move to …").click()
    await expect(page.get_by_role("dialog", name=f"Move “{shown}”")).to_be_visible()
    await page.get_by_role("button", name="Cancel").click()
    await row(page, shown).dblclick()
    await expect(page.get_by_role("heading", name=shown)).to_be_visible()
    await page.go_back()
    await row(page, shown).click()
    await page.keyboard.press("Delete")
    await expect(page.get_by_text(f"“{shown}” is in the trash.")).to_be_visible()
    assert await page.evaluate("window.hacked") is None


async def test_the_policy_blocks_scripts_and_markup(visitor: Person) -> None:
    response = await visitor.page.goto(f"{visitor.api}/sign-in")
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cross-origin-opener-policy"] == "same-origin"
    await expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert visitor.problems == []
    visitor.may_violate = True
    assert await visitor.page.evaluate(_WRITE_MARKUP) == "require-trusted-types-for"


async def test_no_script_can_read_the_refresh_token(person: Person) -> None:
    cookies = {cookie["name"]: cookie for cookie in await person.context.cookies()}
    assert {name: cookie["path"] for name, cookie in cookies.items()} == {
        "drivebay_refresh": "/v1/token/refresh",
        "drivebay_logout": "/v1/logout",
    }
    assert all(cookie["httpOnly"] and cookie["sameSite"] == "Strict" for cookie in cookies.values())
    assert await person.page.evaluate("document.cookie") == ""
    stored = await person.page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")
    assert cookies["drivebay_refresh"]["value"] not in stored
    assert "eyJ" not in stored, "an access token is in the storage of the browser"


async def test_a_foreign_page_cannot_use_the_cookie(person: Person) -> None:
    token = next(each["value"] for each in await person.context.cookies() if each["name"] == "drivebay_refresh")
    cookie = {"Cookie": f"drivebay_refresh={token}"}
    body = {"refresh_token": ""}
    own = {"Origin": person.api, "Sec-Fetch-Site": "same-origin", "Drivebay-Session": "cookie"}
    async with httpx.AsyncClient(base_url=person.api) as http:

        async def refresh(headers: dict[str, str]) -> int:
            return (await http.post("/v1/token/refresh", json=body, headers=cookie | headers)).status_code

        assert await refresh({}) == 401
        assert await refresh({"Drivebay-Session": "cookie"}) == 403
        assert await refresh(own | {"Origin": "https://evil.example"}) == 403
        assert await refresh(own | {"Sec-Fetch-Site": "cross-site"}) == 403
        assert await refresh(own | {"Sec-Fetch-Site": "same-site"}) == 403
        assert await refresh(own) == 200
        login = {"email": person.email, "password": PASSWORD}
        foreign = await http.post("/v1/login", json=login, headers=own | {"Origin": "https://evil.example"})
        assert foreign.status_code == 403
        assert "set-cookie" not in foreign.headers


async def test_a_sign_in_never_leads_to_another_site(person: Person) -> None:
    page = await person.new_page()
    for target in ("https://evil.example/", "//evil.example/", "/\\evil.example/"):
        await page.goto(f"{person.api}/sign-in?next={target}")
        await expect(page.get_by_role("heading", name="My files")).to_be_visible()
        assert page.url.startswith(person.api)
