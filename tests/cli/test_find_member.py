"""How `drives unshare` finds the member that the user names."""

import pytest

from drivebay.cli.user.drives import find_member
from drivebay.cli.user.exit_codes import CommandError
from drivebay.client import Member

ADA = Member("01a20000-0000-7000-8000-00000000000a", "manager", "ada@example.com")
DELETED = Member("01a20000-0000-7000-8000-00000000000b", "viewer")


@pytest.mark.parametrize(("user", "member"), [("Ada@Example.com", ADA), (ADA.user_id, ADA), (DELETED.user_id, DELETED)])
def test_a_member_is_named_by_email_or_id(user: str, member: Member) -> None:
    assert find_member([DELETED, ADA], user, "Team") == member


@pytest.mark.parametrize("user", ["", "ada", "eve@example.com"])
def test_an_empty_name_is_not_that_of_a_member_without_an_address(user: str) -> None:
    with pytest.raises(CommandError, match="is not a member of Team"):
        find_member([DELETED, ADA], user, "Team")
