"""What is wrong with a field is said in the language of the app, though the API says it in English."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import NewPerson, Person


@pytest.mark.parametrize(
    ("email", "password", "text"),
    [
        ("ada@nowhere", "correct horse battery", "Geben Sie eine vollständige E-Mail-Adresse ein"),
        ("ada@example.com", "password1234", "Das ist eines der häufigsten Passwörter."),
    ],
)
async def test_a_sign_up_in_german(new_visitor: NewPerson, email: str, password: str, text: str) -> None:
    visitor = await new_visitor(locale="de-DE")
    page = await visitor.open("/sign-up")
    await page.get_by_label("E-Mail-Adresse").fill(email)
    await page.get_by_label("Passwort").fill(password)
    await page.locator("button[type=submit]").click()
    await expect(page.locator(".field-error")).to_contain_text(text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a/b", "Ein Name darf keinen Schrägstrich (/) enthalten."),
        ("..", "„.“ und „..“ sind keine Namen."),
        ("ä" * 200, "Dieser Name ist zu lang. Möglich sind 255 Byte"),
    ],
)
async def test_the_name_of_a_folder_in_german(person: Person, name: str, text: str) -> None:
    await person.page.evaluate("() => localStorage.setItem('drivebay-language', 'de')")
    page = await person.open("/files/root")
    await page.get_by_role("button", name="Neuer Ordner").click()
    await page.get_by_label("Name des Ordners").fill(name)
    await page.get_by_role("button", name="Erstellen").click()
    await expect(page.get_by_role("alert")).to_contain_text(text)


async def test_what_the_app_does_not_know_is_said_as_the_server_says_it(person: Person) -> None:
    async def refuse(route) -> None:  # type: ignore[no-untyped-def]
        problem = {"code": "invalid_request", "title": "", "status": 422}
        await route.fulfill(status=422, json=problem | {"errors": [{"field": "name", "message": "has a new problem"}]})

    await person.page.route("**/v1/folders*", refuse)
    page = person.page
    await page.get_by_role("button", name="New folder").click()
    await page.get_by_label("Name of the folder").fill("x")
    await page.get_by_role("button", name="Create").click()
    await expect(page.get_by_role("alert")).to_contain_text("The server does not accept this: has a new problem")
