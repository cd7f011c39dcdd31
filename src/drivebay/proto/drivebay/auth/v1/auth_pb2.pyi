import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Scope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCOPE_UNSPECIFIED: _ClassVar[Scope]
    SCOPE_READ: _ClassVar[Scope]
    SCOPE_WRITE: _ClassVar[Scope]
    SCOPE_SHARE: _ClassVar[Scope]
    SCOPE_ACCOUNT: _ClassVar[Scope]

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_USER: _ClassVar[Role]
    ROLE_ADMIN: _ClassVar[Role]

class UserSort(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USER_SORT_UNSPECIFIED: _ClassVar[UserSort]
    USER_SORT_EMAIL: _ClassVar[UserSort]
    USER_SORT_CREATED: _ClassVar[UserSort]

class MailKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MAIL_KIND_UNSPECIFIED: _ClassVar[MailKind]
    MAIL_KIND_VERIFICATION: _ClassVar[MailKind]
    MAIL_KIND_RESET: _ClassVar[MailKind]
    MAIL_KIND_INVITATION: _ClassVar[MailKind]
    MAIL_KIND_PASSWORD_CHANGED: _ClassVar[MailKind]
    MAIL_KIND_SECOND_FACTOR_ENABLED: _ClassVar[MailKind]
    MAIL_KIND_SECOND_FACTOR_DISABLED: _ClassVar[MailKind]
    MAIL_KIND_PASSKEY_ADDED: _ClassVar[MailKind]
    MAIL_KIND_PASSKEY_REMOVED: _ClassVar[MailKind]
    MAIL_KIND_API_TOKEN_CREATED: _ClassVar[MailKind]
    MAIL_KIND_IDENTITY_LINKED: _ClassVar[MailKind]
    MAIL_KIND_RECOVERY_CODE_USED: _ClassVar[MailKind]
    MAIL_KIND_ACCOUNT_DELETED: _ClassVar[MailKind]

class MailOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MAIL_OUTCOME_UNSPECIFIED: _ClassVar[MailOutcome]
    MAIL_OUTCOME_SENT: _ClassVar[MailOutcome]
    MAIL_OUTCOME_POSTPONED: _ClassVar[MailOutcome]
    MAIL_OUTCOME_FAILED: _ClassVar[MailOutcome]
SCOPE_UNSPECIFIED: Scope
SCOPE_READ: Scope
SCOPE_WRITE: Scope
SCOPE_SHARE: Scope
SCOPE_ACCOUNT: Scope
ROLE_UNSPECIFIED: Role
ROLE_USER: Role
ROLE_ADMIN: Role
USER_SORT_UNSPECIFIED: UserSort
USER_SORT_EMAIL: UserSort
USER_SORT_CREATED: UserSort
MAIL_KIND_UNSPECIFIED: MailKind
MAIL_KIND_VERIFICATION: MailKind
MAIL_KIND_RESET: MailKind
MAIL_KIND_INVITATION: MailKind
MAIL_KIND_PASSWORD_CHANGED: MailKind
MAIL_KIND_SECOND_FACTOR_ENABLED: MailKind
MAIL_KIND_SECOND_FACTOR_DISABLED: MailKind
MAIL_KIND_PASSKEY_ADDED: MailKind
MAIL_KIND_PASSKEY_REMOVED: MailKind
MAIL_KIND_API_TOKEN_CREATED: MailKind
MAIL_KIND_IDENTITY_LINKED: MailKind
MAIL_KIND_RECOVERY_CODE_USED: MailKind
MAIL_KIND_ACCOUNT_DELETED: MailKind
MAIL_OUTCOME_UNSPECIFIED: MailOutcome
MAIL_OUTCOME_SENT: MailOutcome
MAIL_OUTCOME_POSTPONED: MailOutcome
MAIL_OUTCOME_FAILED: MailOutcome

class User(_message.Message):
    __slots__ = ("id", "email", "created_at", "display_name", "role", "second_factor", "email_verified", "disabled")
    ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    SECOND_FACTOR_FIELD_NUMBER: _ClassVar[int]
    EMAIL_VERIFIED_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    id: str
    email: str
    created_at: _timestamp_pb2.Timestamp
    display_name: str
    role: Role
    second_factor: bool
    email_verified: bool
    disabled: bool
    def __init__(self, id: _Optional[str] = ..., email: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., display_name: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., second_factor: _Optional[bool] = ..., email_verified: _Optional[bool] = ..., disabled: _Optional[bool] = ...) -> None: ...

class ReclaimedAccount(_message.Message):
    __slots__ = ("user", "reclaimed_at")
    USER_FIELD_NUMBER: _ClassVar[int]
    RECLAIMED_AT_FIELD_NUMBER: _ClassVar[int]
    user: str
    reclaimed_at: _timestamp_pb2.Timestamp
    def __init__(self, user: _Optional[str] = ..., reclaimed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DeletedAccount(_message.Message):
    __slots__ = ("user", "deleted_at")
    USER_FIELD_NUMBER: _ClassVar[int]
    DELETED_AT_FIELD_NUMBER: _ClassVar[int]
    user: str
    deleted_at: _timestamp_pb2.Timestamp
    def __init__(self, user: _Optional[str] = ..., deleted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Tokens(_message.Message):
    __slots__ = ("access_token", "refresh_token", "expires_in")
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_FIELD_NUMBER: _ClassVar[int]
    access_token: str
    refresh_token: str
    expires_in: int
    def __init__(self, access_token: _Optional[str] = ..., refresh_token: _Optional[str] = ..., expires_in: _Optional[int] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("id", "created_at", "last_used_at", "user_agent", "address")
    ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_AT_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    id: str
    created_at: _timestamp_pb2.Timestamp
    last_used_at: _timestamp_pb2.Timestamp
    user_agent: str
    address: str
    def __init__(self, id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_used_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., user_agent: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class RevokedSession(_message.Message):
    __slots__ = ("id", "expires_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RevocationPosition(_message.Message):
    __slots__ = ("ended_at", "id")
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    ended_at: _timestamp_pb2.Timestamp
    id: str
    def __init__(self, ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., id: _Optional[str] = ...) -> None: ...

class RevokedSessions(_message.Message):
    __slots__ = ("sessions", "as_of", "next")
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[RevokedSession]
    as_of: _timestamp_pb2.Timestamp
    next: RevocationPosition
    def __init__(self, sessions: _Optional[_Iterable[_Union[RevokedSession, _Mapping]]] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next: _Optional[_Union[RevocationPosition, _Mapping]] = ...) -> None: ...

class ApiToken(_message.Message):
    __slots__ = ("id", "name", "scopes", "created_at", "expires_at", "last_used_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    scopes: _containers.RepeatedScalarFieldContainer[Scope]
    created_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    last_used_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., scopes: _Optional[_Iterable[_Union[Scope, str]]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_used_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class NewApiToken(_message.Message):
    __slots__ = ("details", "secret")
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    details: ApiToken
    secret: str
    def __init__(self, details: _Optional[_Union[ApiToken, _Mapping]] = ..., secret: _Optional[str] = ...) -> None: ...

class ApiTokenPage(_message.Message):
    __slots__ = ("items", "next_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[ApiToken]
    next_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[ApiToken, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class ApiTokenClaims(_message.Message):
    __slots__ = ("id", "user", "scopes", "expires_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    user: str
    scopes: _containers.RepeatedScalarFieldContainer[Scope]
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., user: _Optional[str] = ..., scopes: _Optional[_Iterable[_Union[Scope, str]]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Claims(_message.Message):
    __slots__ = ("user", "token_id", "expires_at", "session")
    USER_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    user: str
    token_id: str
    expires_at: _timestamp_pb2.Timestamp
    session: str
    def __init__(self, user: _Optional[str] = ..., token_id: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., session: _Optional[str] = ...) -> None: ...

class PublicKey(_message.Message):
    __slots__ = ("kid", "x", "created_at")
    KID_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    kid: str
    x: str
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, kid: _Optional[str] = ..., x: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Actor(_message.Message):
    __slots__ = ("user", "address", "user_agent", "is_operator")
    USER_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    IS_OPERATOR_FIELD_NUMBER: _ClassVar[int]
    user: str
    address: str
    user_agent: str
    is_operator: bool
    def __init__(self, user: _Optional[str] = ..., address: _Optional[str] = ..., user_agent: _Optional[str] = ..., is_operator: _Optional[bool] = ...) -> None: ...

class Account(_message.Message):
    __slots__ = ("id", "email", "role", "disabled", "created_at", "last_login_at", "display_name", "second_factor")
    ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_LOGIN_AT_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    SECOND_FACTOR_FIELD_NUMBER: _ClassVar[int]
    id: str
    email: str
    role: Role
    disabled: bool
    created_at: _timestamp_pb2.Timestamp
    last_login_at: _timestamp_pb2.Timestamp
    display_name: str
    second_factor: bool
    def __init__(self, id: _Optional[str] = ..., email: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., disabled: _Optional[bool] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_login_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., display_name: _Optional[str] = ..., second_factor: _Optional[bool] = ...) -> None: ...

class AccountListing(_message.Message):
    __slots__ = ("query", "sort", "descending", "limit", "cursor", "context")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    DESCENDING_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    query: str
    sort: UserSort
    descending: bool
    limit: int
    cursor: str
    context: str
    def __init__(self, query: _Optional[str] = ..., sort: _Optional[_Union[UserSort, str]] = ..., descending: _Optional[bool] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ..., context: _Optional[str] = ...) -> None: ...

class AccountPage(_message.Message):
    __slots__ = ("items", "next_cursor", "first_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    FIRST_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Account]
    next_cursor: str
    first_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[Account, _Mapping]]] = ..., next_cursor: _Optional[str] = ..., first_cursor: _Optional[str] = ...) -> None: ...

class NewAccount(_message.Message):
    __slots__ = ("email", "password", "role", "limit_bytes")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    email: str
    password: str
    role: Role
    limit_bytes: int
    def __init__(self, email: _Optional[str] = ..., password: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., limit_bytes: _Optional[int] = ...) -> None: ...

class CreatedAccount(_message.Message):
    __slots__ = ("account", "invitation_token")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    INVITATION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account: Account
    invitation_token: str
    def __init__(self, account: _Optional[_Union[Account, _Mapping]] = ..., invitation_token: _Optional[str] = ...) -> None: ...

class AccountUpdate(_message.Message):
    __slots__ = ("role", "disabled", "records_limit", "limit_bytes")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    RECORDS_LIMIT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    role: Role
    disabled: bool
    records_limit: bool
    limit_bytes: int
    def __init__(self, role: _Optional[_Union[Role, str]] = ..., disabled: _Optional[bool] = ..., records_limit: _Optional[bool] = ..., limit_bytes: _Optional[int] = ...) -> None: ...

class AuditQuery(_message.Message):
    __slots__ = ("user", "action", "since", "until", "limit", "cursor")
    USER_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    user: str
    action: str
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    limit: int
    cursor: str
    def __init__(self, user: _Optional[str] = ..., action: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class AuditEvent(_message.Message):
    __slots__ = ("id", "at", "actor", "action", "target", "address", "user_agent", "request_id", "detail")
    class DetailEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    id: str
    at: _timestamp_pb2.Timestamp
    actor: str
    action: str
    target: str
    address: str
    user_agent: str
    request_id: str
    detail: _containers.ScalarMap[str, str]
    def __init__(self, id: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., action: _Optional[str] = ..., target: _Optional[str] = ..., address: _Optional[str] = ..., user_agent: _Optional[str] = ..., request_id: _Optional[str] = ..., detail: _Optional[_Mapping[str, str]] = ...) -> None: ...

class AuditPage(_message.Message):
    __slots__ = ("items", "next_cursor")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[AuditEvent]
    next_cursor: str
    def __init__(self, items: _Optional[_Iterable[_Union[AuditEvent, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class TotpSecret(_message.Message):
    __slots__ = ("secret", "uri")
    SECRET_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    secret: str
    uri: str
    def __init__(self, secret: _Optional[str] = ..., uri: _Optional[str] = ...) -> None: ...

class Health(_message.Message):
    __slots__ = ("name", "ok", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    ok: bool
    detail: str
    def __init__(self, name: _Optional[str] = ..., ok: _Optional[bool] = ..., detail: _Optional[str] = ...) -> None: ...

class SignUpRequest(_message.Message):
    __slots__ = ("email", "password", "address", "idempotency_key")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    email: str
    password: str
    address: str
    idempotency_key: str
    def __init__(self, email: _Optional[str] = ..., password: _Optional[str] = ..., address: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class SignUpResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: User
    def __init__(self, value: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class LogInRequest(_message.Message):
    __slots__ = ("email", "password", "address", "user_agent")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    email: str
    password: str
    address: str
    user_agent: str
    def __init__(self, email: _Optional[str] = ..., password: _Optional[str] = ..., address: _Optional[str] = ..., user_agent: _Optional[str] = ...) -> None: ...

class LogInResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Tokens
    def __init__(self, value: _Optional[_Union[Tokens, _Mapping]] = ...) -> None: ...

class RefreshRequest(_message.Message):
    __slots__ = ("refresh_token",)
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    refresh_token: str
    def __init__(self, refresh_token: _Optional[str] = ...) -> None: ...

class RefreshResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Tokens
    def __init__(self, value: _Optional[_Union[Tokens, _Mapping]] = ...) -> None: ...

class LogOutRequest(_message.Message):
    __slots__ = ("refresh_token",)
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    refresh_token: str
    def __init__(self, refresh_token: _Optional[str] = ...) -> None: ...

class LogOutResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class VerifyTokenRequest(_message.Message):
    __slots__ = ("access_token",)
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    access_token: str
    def __init__(self, access_token: _Optional[str] = ...) -> None: ...

class VerifyTokenResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Claims
    def __init__(self, value: _Optional[_Union[Claims, _Mapping]] = ...) -> None: ...

class GetUserRequest(_message.Message):
    __slots__ = ("user", "caller")
    USER_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    user: str
    caller: str
    def __init__(self, user: _Optional[str] = ..., caller: _Optional[str] = ...) -> None: ...

class GetUserResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: User
    def __init__(self, value: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class FindUserRequest(_message.Message):
    __slots__ = ("email", "caller")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    email: str
    caller: str
    def __init__(self, email: _Optional[str] = ..., caller: _Optional[str] = ...) -> None: ...

class FindUserResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: User
    def __init__(self, value: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class ListUsersRequest(_message.Message):
    __slots__ = ("users",)
    USERS_FIELD_NUMBER: _ClassVar[int]
    users: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, users: _Optional[_Iterable[str]] = ...) -> None: ...

class ListUsersResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[User]
    def __init__(self, value: _Optional[_Iterable[_Union[User, _Mapping]]] = ...) -> None: ...

class ListKeysRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListKeysResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[PublicKey]
    def __init__(self, value: _Optional[_Iterable[_Union[PublicKey, _Mapping]]] = ...) -> None: ...

class RotateKeyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RotateKeyResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: PublicKey
    def __init__(self, value: _Optional[_Union[PublicKey, _Mapping]] = ...) -> None: ...

class HealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HealthResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Health]
    def __init__(self, value: _Optional[_Iterable[_Union[Health, _Mapping]]] = ...) -> None: ...

class UpdateProfileRequest(_message.Message):
    __slots__ = ("user", "display_name")
    USER_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    user: str
    display_name: str
    def __init__(self, user: _Optional[str] = ..., display_name: _Optional[str] = ...) -> None: ...

class UpdateProfileResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: User
    def __init__(self, value: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class ChangePasswordRequest(_message.Message):
    __slots__ = ("user", "current_password", "new_password", "address", "keep", "user_agent")
    USER_FIELD_NUMBER: _ClassVar[int]
    CURRENT_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    NEW_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    user: str
    current_password: str
    new_password: str
    address: str
    keep: str
    user_agent: str
    def __init__(self, user: _Optional[str] = ..., current_password: _Optional[str] = ..., new_password: _Optional[str] = ..., address: _Optional[str] = ..., keep: _Optional[str] = ..., user_agent: _Optional[str] = ...) -> None: ...

class ChangePasswordResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteAccountRequest(_message.Message):
    __slots__ = ("user", "password", "address", "user_agent", "session")
    USER_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    user: str
    password: str
    address: str
    user_agent: str
    session: str
    def __init__(self, user: _Optional[str] = ..., password: _Optional[str] = ..., address: _Optional[str] = ..., user_agent: _Optional[str] = ..., session: _Optional[str] = ...) -> None: ...

class DeleteAccountResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListDeletedAccountsRequest(_message.Message):
    __slots__ = ("after", "limit")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after: DeletedAccount
    limit: int
    def __init__(self, after: _Optional[_Union[DeletedAccount, _Mapping]] = ..., limit: _Optional[int] = ...) -> None: ...

class ListDeletedAccountsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[DeletedAccount]
    def __init__(self, value: _Optional[_Iterable[_Union[DeletedAccount, _Mapping]]] = ...) -> None: ...

class ListReclaimedAccountsRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class ListReclaimedAccountsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[ReclaimedAccount]
    def __init__(self, value: _Optional[_Iterable[_Union[ReclaimedAccount, _Mapping]]] = ...) -> None: ...

class FinishReclaimedAccountRequest(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: str
    def __init__(self, user: _Optional[str] = ...) -> None: ...

class FinishReclaimedAccountResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PurgeAccountRequest(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: str
    def __init__(self, user: _Optional[str] = ...) -> None: ...

class PurgeAccountResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: bool
    def __init__(self, value: _Optional[bool] = ...) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: str
    def __init__(self, user: _Optional[str] = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Session]
    def __init__(self, value: _Optional[_Iterable[_Union[Session, _Mapping]]] = ...) -> None: ...

class EndSessionRequest(_message.Message):
    __slots__ = ("user", "session")
    USER_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    user: str
    session: str
    def __init__(self, user: _Optional[str] = ..., session: _Optional[str] = ...) -> None: ...

class EndSessionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EndSessionsRequest(_message.Message):
    __slots__ = ("user", "keep")
    USER_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    user: str
    keep: str
    def __init__(self, user: _Optional[str] = ..., keep: _Optional[str] = ...) -> None: ...

class EndSessionsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRevokedSessionsRequest(_message.Message):
    __slots__ = ("since", "limit", "after")
    SINCE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    since: _timestamp_pb2.Timestamp
    limit: int
    after: RevocationPosition
    def __init__(self, since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., limit: _Optional[int] = ..., after: _Optional[_Union[RevocationPosition, _Mapping]] = ...) -> None: ...

class ListRevokedSessionsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: RevokedSessions
    def __init__(self, value: _Optional[_Union[RevokedSessions, _Mapping]] = ...) -> None: ...

class CreateApiTokenRequest(_message.Message):
    __slots__ = ("user", "name", "scopes", "expires_at", "client", "idempotency_key")
    USER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    user: str
    name: str
    scopes: _containers.RepeatedScalarFieldContainer[Scope]
    expires_at: _timestamp_pb2.Timestamp
    client: Actor
    idempotency_key: str
    def __init__(self, user: _Optional[str] = ..., name: _Optional[str] = ..., scopes: _Optional[_Iterable[_Union[Scope, str]]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., client: _Optional[_Union[Actor, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateApiTokenResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: NewApiToken
    def __init__(self, value: _Optional[_Union[NewApiToken, _Mapping]] = ...) -> None: ...

class ListApiTokensRequest(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: str
    def __init__(self, user: _Optional[str] = ...) -> None: ...

class ListApiTokensResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[ApiToken]
    def __init__(self, value: _Optional[_Iterable[_Union[ApiToken, _Mapping]]] = ...) -> None: ...

class ListApiTokenPageRequest(_message.Message):
    __slots__ = ("user", "limit", "cursor")
    USER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    user: str
    limit: int
    cursor: str
    def __init__(self, user: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListApiTokenPageResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: ApiTokenPage
    def __init__(self, value: _Optional[_Union[ApiTokenPage, _Mapping]] = ...) -> None: ...

class RevokeApiTokenRequest(_message.Message):
    __slots__ = ("user", "token", "client")
    USER_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    user: str
    token: str
    client: Actor
    def __init__(self, user: _Optional[str] = ..., token: _Optional[str] = ..., client: _Optional[_Union[Actor, _Mapping]] = ...) -> None: ...

class RevokeApiTokenResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class VerifyApiTokenRequest(_message.Message):
    __slots__ = ("secret",)
    SECRET_FIELD_NUMBER: _ClassVar[int]
    secret: str
    def __init__(self, secret: _Optional[str] = ...) -> None: ...

class VerifyApiTokenResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: ApiTokenClaims
    def __init__(self, value: _Optional[_Union[ApiTokenClaims, _Mapping]] = ...) -> None: ...

class BeginTotpRequest(_message.Message):
    __slots__ = ("actor",)
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ...) -> None: ...

class BeginTotpResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: TotpSecret
    def __init__(self, value: _Optional[_Union[TotpSecret, _Mapping]] = ...) -> None: ...

class ConfirmTotpRequest(_message.Message):
    __slots__ = ("actor", "code")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    code: str
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., code: _Optional[str] = ...) -> None: ...

class ConfirmTotpResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, value: _Optional[_Iterable[str]] = ...) -> None: ...

class RemoveTotpRequest(_message.Message):
    __slots__ = ("actor", "password", "code", "session")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    password: str
    code: str
    session: str
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., password: _Optional[str] = ..., code: _Optional[str] = ..., session: _Optional[str] = ...) -> None: ...

class RemoveTotpResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LogInWithCodeRequest(_message.Message):
    __slots__ = ("challenge", "code", "address", "user_agent")
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    challenge: str
    code: str
    address: str
    user_agent: str
    def __init__(self, challenge: _Optional[str] = ..., code: _Optional[str] = ..., address: _Optional[str] = ..., user_agent: _Optional[str] = ...) -> None: ...

class LogInWithCodeResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Tokens
    def __init__(self, value: _Optional[_Union[Tokens, _Mapping]] = ...) -> None: ...

class ListAccountsRequest(_message.Message):
    __slots__ = ("actor", "listing")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    LISTING_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    listing: AccountListing
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., listing: _Optional[_Union[AccountListing, _Mapping]] = ...) -> None: ...

class ListAccountsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: AccountPage
    def __init__(self, value: _Optional[_Union[AccountPage, _Mapping]] = ...) -> None: ...

class GetAccountsRequest(_message.Message):
    __slots__ = ("actor", "users", "query")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    users: _containers.RepeatedScalarFieldContainer[str]
    query: str
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., users: _Optional[_Iterable[str]] = ..., query: _Optional[str] = ...) -> None: ...

class GetAccountsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Account]
    def __init__(self, value: _Optional[_Iterable[_Union[Account, _Mapping]]] = ...) -> None: ...

class CountAccountsRequest(_message.Message):
    __slots__ = ("actor",)
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ...) -> None: ...

class CountAccountsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: int
    def __init__(self, value: _Optional[int] = ...) -> None: ...

class FindAccountRequest(_message.Message):
    __slots__ = ("actor", "email")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    email: str
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., email: _Optional[str] = ...) -> None: ...

class FindAccountResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Account
    def __init__(self, value: _Optional[_Union[Account, _Mapping]] = ...) -> None: ...

class CreateAccountRequest(_message.Message):
    __slots__ = ("actor", "account", "idempotency_key")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    account: NewAccount
    idempotency_key: str
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., account: _Optional[_Union[NewAccount, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateAccountResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: CreatedAccount
    def __init__(self, value: _Optional[_Union[CreatedAccount, _Mapping]] = ...) -> None: ...

class UpdateAccountRequest(_message.Message):
    __slots__ = ("actor", "user", "update")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    user: str
    update: AccountUpdate
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., user: _Optional[str] = ..., update: _Optional[_Union[AccountUpdate, _Mapping]] = ...) -> None: ...

class UpdateAccountResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Account
    def __init__(self, value: _Optional[_Union[Account, _Mapping]] = ...) -> None: ...

class RemoveAccountRequest(_message.Message):
    __slots__ = ("actor", "user")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    user: str
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., user: _Optional[str] = ...) -> None: ...

class RemoveAccountResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EndUserSessionsRequest(_message.Message):
    __slots__ = ("actor", "user")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    user: str
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., user: _Optional[str] = ...) -> None: ...

class EndUserSessionsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CreateResetTokenRequest(_message.Message):
    __slots__ = ("actor", "user")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    user: str
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., user: _Optional[str] = ...) -> None: ...

class CreateResetTokenResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: str
    def __init__(self, value: _Optional[str] = ...) -> None: ...

class ResetSecondFactorRequest(_message.Message):
    __slots__ = ("actor", "user")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    user: str
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., user: _Optional[str] = ...) -> None: ...

class ResetSecondFactorResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResetPasswordRequest(_message.Message):
    __slots__ = ("actor", "token", "password")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    token: str
    password: str
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., token: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class ResetPasswordResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListAuditEventsRequest(_message.Message):
    __slots__ = ("actor", "query")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    query: AuditQuery
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., query: _Optional[_Union[AuditQuery, _Mapping]] = ...) -> None: ...

class ListAuditEventsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: AuditPage
    def __init__(self, value: _Optional[_Union[AuditPage, _Mapping]] = ...) -> None: ...

class MailTask(_message.Message):
    __slots__ = ("id", "kind", "recipient", "token")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: MailKind
    recipient: str
    token: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[MailKind, str]] = ..., recipient: _Optional[str] = ..., token: _Optional[str] = ...) -> None: ...

class MailResult(_message.Message):
    __slots__ = ("id", "outcome", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    outcome: MailOutcome
    reason: str
    def __init__(self, id: _Optional[str] = ..., outcome: _Optional[_Union[MailOutcome, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class RequestPasswordResetRequest(_message.Message):
    __slots__ = ("actor", "email")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    email: str
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., email: _Optional[str] = ...) -> None: ...

class RequestPasswordResetResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RequestVerificationRequest(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: str
    def __init__(self, user: _Optional[str] = ...) -> None: ...

class RequestVerificationResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class VerifyEmailRequest(_message.Message):
    __slots__ = ("actor", "token")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    token: str
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., token: _Optional[str] = ...) -> None: ...

class VerifyEmailResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClaimMailsRequest(_message.Message):
    __slots__ = ("lease", "limit")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    lease: str
    limit: int
    def __init__(self, lease: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ClaimMailsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[MailTask]
    def __init__(self, value: _Optional[_Iterable[_Union[MailTask, _Mapping]]] = ...) -> None: ...

class FinishMailsRequest(_message.Message):
    __slots__ = ("lease", "results")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    lease: str
    results: _containers.RepeatedCompositeFieldContainer[MailResult]
    def __init__(self, lease: _Optional[str] = ..., results: _Optional[_Iterable[_Union[MailResult, _Mapping]]] = ...) -> None: ...

class FinishMailsResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: int
    def __init__(self, value: _Optional[int] = ...) -> None: ...

class OidcLogin(_message.Message):
    __slots__ = ("url", "browser_secret")
    URL_FIELD_NUMBER: _ClassVar[int]
    BROWSER_SECRET_FIELD_NUMBER: _ClassVar[int]
    url: str
    browser_secret: str
    def __init__(self, url: _Optional[str] = ..., browser_secret: _Optional[str] = ...) -> None: ...

class OidcResponse(_message.Message):
    __slots__ = ("state", "browser_secret", "code", "issuer", "error")
    STATE_FIELD_NUMBER: _ClassVar[int]
    BROWSER_SECRET_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    state: str
    browser_secret: str
    code: str
    issuer: str
    error: str
    def __init__(self, state: _Optional[str] = ..., browser_secret: _Optional[str] = ..., code: _Optional[str] = ..., issuer: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class BeginOidcLoginRequest(_message.Message):
    __slots__ = ("redirect_uri", "address")
    REDIRECT_URI_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    redirect_uri: str
    address: str
    def __init__(self, redirect_uri: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class BeginOidcLoginResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: OidcLogin
    def __init__(self, value: _Optional[_Union[OidcLogin, _Mapping]] = ...) -> None: ...

class CompleteOidcLoginRequest(_message.Message):
    __slots__ = ("actor", "response")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    response: OidcResponse
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., response: _Optional[_Union[OidcResponse, _Mapping]] = ...) -> None: ...

class CompleteOidcLoginResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: str
    def __init__(self, value: _Optional[str] = ...) -> None: ...

class LogInWithOidcRequest(_message.Message):
    __slots__ = ("code", "address", "user_agent")
    CODE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    code: str
    address: str
    user_agent: str
    def __init__(self, code: _Optional[str] = ..., address: _Optional[str] = ..., user_agent: _Optional[str] = ...) -> None: ...

class LogInWithOidcResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Tokens
    def __init__(self, value: _Optional[_Union[Tokens, _Mapping]] = ...) -> None: ...

class Identity(_message.Message):
    __slots__ = ("issuer", "subject", "created_at")
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    issuer: str
    subject: str
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, issuer: _Optional[str] = ..., subject: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListIdentitiesRequest(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: str
    def __init__(self, user: _Optional[str] = ...) -> None: ...

class ListIdentitiesResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Identity]
    def __init__(self, value: _Optional[_Iterable[_Union[Identity, _Mapping]]] = ...) -> None: ...

class Passkey(_message.Message):
    __slots__ = ("id", "name", "created_at", "last_used_at", "is_synced")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_AT_FIELD_NUMBER: _ClassVar[int]
    IS_SYNCED_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    created_at: _timestamp_pb2.Timestamp
    last_used_at: _timestamp_pb2.Timestamp
    is_synced: bool
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_used_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., is_synced: _Optional[bool] = ...) -> None: ...

class PasskeyAttestation(_message.Message):
    __slots__ = ("credential_id", "client_data", "attestation", "transports")
    CREDENTIAL_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_DATA_FIELD_NUMBER: _ClassVar[int]
    ATTESTATION_FIELD_NUMBER: _ClassVar[int]
    TRANSPORTS_FIELD_NUMBER: _ClassVar[int]
    credential_id: bytes
    client_data: bytes
    attestation: bytes
    transports: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, credential_id: _Optional[bytes] = ..., client_data: _Optional[bytes] = ..., attestation: _Optional[bytes] = ..., transports: _Optional[_Iterable[str]] = ...) -> None: ...

class PasskeyAssertion(_message.Message):
    __slots__ = ("credential_id", "client_data", "authenticator_data", "signature", "user_handle")
    CREDENTIAL_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_DATA_FIELD_NUMBER: _ClassVar[int]
    AUTHENTICATOR_DATA_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    USER_HANDLE_FIELD_NUMBER: _ClassVar[int]
    credential_id: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes
    user_handle: bytes
    def __init__(self, credential_id: _Optional[bytes] = ..., client_data: _Optional[bytes] = ..., authenticator_data: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., user_handle: _Optional[bytes] = ...) -> None: ...

class BeginPasskeyRequest(_message.Message):
    __slots__ = ("actor", "password", "code", "session")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    password: str
    code: str
    session: str
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., password: _Optional[str] = ..., code: _Optional[str] = ..., session: _Optional[str] = ...) -> None: ...

class BeginPasskeyResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: str
    def __init__(self, value: _Optional[str] = ...) -> None: ...

class AddPasskeyRequest(_message.Message):
    __slots__ = ("actor", "attestation", "name", "session")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ATTESTATION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    attestation: PasskeyAttestation
    name: str
    session: str
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., attestation: _Optional[_Union[PasskeyAttestation, _Mapping]] = ..., name: _Optional[str] = ..., session: _Optional[str] = ...) -> None: ...

class AddPasskeyResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Passkey
    def __init__(self, value: _Optional[_Union[Passkey, _Mapping]] = ...) -> None: ...

class ListPasskeysRequest(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: str
    def __init__(self, user: _Optional[str] = ...) -> None: ...

class ListPasskeysResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: _containers.RepeatedCompositeFieldContainer[Passkey]
    def __init__(self, value: _Optional[_Iterable[_Union[Passkey, _Mapping]]] = ...) -> None: ...

class RenamePasskeyRequest(_message.Message):
    __slots__ = ("user", "passkey", "name")
    USER_FIELD_NUMBER: _ClassVar[int]
    PASSKEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    user: str
    passkey: str
    name: str
    def __init__(self, user: _Optional[str] = ..., passkey: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class RenamePasskeyResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Passkey
    def __init__(self, value: _Optional[_Union[Passkey, _Mapping]] = ...) -> None: ...

class RemovePasskeyRequest(_message.Message):
    __slots__ = ("actor", "passkey", "password", "session")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    PASSKEY_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    actor: Actor
    passkey: str
    password: str
    session: str
    def __init__(self, actor: _Optional[_Union[Actor, _Mapping]] = ..., passkey: _Optional[str] = ..., password: _Optional[str] = ..., session: _Optional[str] = ...) -> None: ...

class RemovePasskeyResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class BeginPasskeyLoginRequest(_message.Message):
    __slots__ = ("address", "challenge")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    address: str
    challenge: str
    def __init__(self, address: _Optional[str] = ..., challenge: _Optional[str] = ...) -> None: ...

class BeginPasskeyLoginResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: str
    def __init__(self, value: _Optional[str] = ...) -> None: ...

class LogInWithPasskeyRequest(_message.Message):
    __slots__ = ("assertion", "address", "user_agent", "challenge")
    ASSERTION_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    assertion: PasskeyAssertion
    address: str
    user_agent: str
    challenge: str
    def __init__(self, assertion: _Optional[_Union[PasskeyAssertion, _Mapping]] = ..., address: _Optional[str] = ..., user_agent: _Optional[str] = ..., challenge: _Optional[str] = ...) -> None: ...

class LogInWithPasskeyResponse(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: Tokens
    def __init__(self, value: _Optional[_Union[Tokens, _Mapping]] = ...) -> None: ...
