"""Who may call what: the one table of it. A method that is not in it may be called by nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from godkend.clients import Role

PACKAGE = "/godkend.v1."

ANYBODY: frozenset[Role] | None = None
"""No token is asked for: the call is public, or a signature in it is the credential."""

SELF_SERVICE: Role = "self-service"
"""Its calls show besides that the subscriber is signed in, by `service.call.prove_subscriber`."""

_FRONT_END: frozenset[Role] = frozenset({"front-end"})
_REGISTRAR: frozenset[Role] = frozenset({"registrar"})
_DESK: frozenset[Role] = frozenset({"registrar", "support"})
_REGISTRAR_OR_SUBSCRIBER: frozenset[Role] = frozenset({"registrar", "self-service"})
_REGISTRAR_OR_AUDITOR: frozenset[Role] = frozenset({"registrar", "auditor"})
_DESK_OR_SUBSCRIBER: frozenset[Role] = _DESK | _REGISTRAR_OR_SUBSCRIBER
_SUPPORT: frozenset[Role] = frozenset({"support"})
_SUPPORT_OR_SUBSCRIBER: frozenset[Role] = frozenset({"support", "self-service"})
_AUDITOR: frozenset[Role] = frozenset({"auditor"})
_SUBSCRIBER: frozenset[Role] = frozenset({"self-service"})
_SUPPORT_OR_AUDITOR: frozenset[Role] = frozenset({"support", "auditor"})
_SUPPORT_AUDITOR_OR_SUBSCRIBER: frozenset[Role] = _SUPPORT_OR_AUDITOR | _SUBSCRIBER

ROLES_BY_METHOD: Mapping[str, frozenset[Role] | None] = {
    "/godkend.v1.LoginService/StartLogin": _FRONT_END,
    "/godkend.v1.LoginService/WatchLogin": _FRONT_END,
    "/godkend.v1.LoginService/GetLogin": _FRONT_END,
    "/godkend.v1.LoginService/SubmitCode": _FRONT_END,
    "/godkend.v1.LoginService/SubmitPassword": _FRONT_END,
    "/godkend.v1.LoginService/CancelLogin": _FRONT_END,
    "/godkend.v1.LoginService/RedeemLogin": _FRONT_END,
    "/godkend.v1.LoginService/GetJwks": ANYBODY,
    "/godkend.v1.DeviceService/BeginActivation": ANYBODY,
    "/godkend.v1.DeviceService/FinishActivation": ANYBODY,
    "/godkend.v1.DeviceService/OpenLogin": ANYBODY,
    "/godkend.v1.DeviceService/ApproveLogin": ANYBODY,
    "/godkend.v1.DeviceService/RejectLogin": ANYBODY,
    "/godkend.v1.DeviceService/ChangePin": ANYBODY,
    "/godkend.v1.CopyService/RequestCopy": ANYBODY,
    "/godkend.v1.CopyService/ConfirmCopy": ANYBODY,
    "/godkend.v1.CopyService/ScanCopy": ANYBODY,
    "/godkend.v1.CopyService/FinishCopy": ANYBODY,
    "/godkend.v1.CopyService/StopCopy": ANYBODY,
    "/godkend.v1.CopyService/GetCopy": ANYBODY,
    "/godkend.v1.IdentityService/CreateIdentity": _REGISTRAR,
    "/godkend.v1.IdentityService/GetIdentity": _DESK_OR_SUBSCRIBER,
    "/godkend.v1.IdentityService/SetContactDetails": _REGISTRAR_OR_SUBSCRIBER,
    "/godkend.v1.IdentityService/IssueActivationCode": _REGISTRAR_OR_SUBSCRIBER,
    "/godkend.v1.IdentityService/BlockIdentity": _DESK_OR_SUBSCRIBER,
    "/godkend.v1.IdentityService/UnblockIdentity": _REGISTRAR,
    "/godkend.v1.IssuingService/RecordIdentification": _REGISTRAR,
    "/godkend.v1.IssuingService/RecordConsent": _REGISTRAR,
    "/godkend.v1.IssuingService/CheckWitness": _REGISTRAR,
    "/godkend.v1.IssuingService/ListEvidence": _REGISTRAR_OR_AUDITOR,
    "/godkend.v1.RecoveryService/FindUserId": _SUPPORT,
    "/godkend.v1.RecoveryService/OrderTemporaryPin": _SUPPORT_OR_SUBSCRIBER,
    "/godkend.v1.RecoveryService/ResetPin": ANYBODY,
    "/godkend.v1.DisplayService/ListDisplays": _DESK_OR_SUBSCRIBER,
    "/godkend.v1.DisplayService/AssignDisplay": _REGISTRAR,
    "/godkend.v1.DisplayService/ActivateDisplay": _REGISTRAR_OR_SUBSCRIBER,
    "/godkend.v1.DisplayService/ReportDisplayLost": _DESK_OR_SUBSCRIBER,
    "/godkend.v1.DisplayService/SetPassword": _DESK_OR_SUBSCRIBER,
    "/godkend.v1.KeyCardService/ListWaysIn": _FRONT_END,
    "/godkend.v1.KeyCardService/GetKeyNumber": _FRONT_END,
    "/godkend.v1.KeyCardService/SubmitKey": _FRONT_END,
    "/godkend.v1.KeyCardService/OrderKeyCard": _REGISTRAR_OR_SUBSCRIBER,
    "/godkend.v1.KeyCardService/ListKeyCards": _DESK_OR_SUBSCRIBER,
    "/godkend.v1.KeyCardService/ListOrderedKeyCards": _REGISTRAR,
    "/godkend.v1.KeyCardService/PrintKeyCard": _REGISTRAR,
    "/godkend.v1.KeyCardService/ActivateKeyCard": _REGISTRAR_OR_SUBSCRIBER,
    "/godkend.v1.KeyCardService/ReportKeyCardLost": _DESK_OR_SUBSCRIBER,
    "/godkend.v1.KeyCardService/MoveFromNemId": _SUBSCRIBER,
    "/godkend.v1.PassportService/VerifyPassport": _REGISTRAR,
    "/godkend.v1.PassportService/RecoverUserId": _REGISTRAR,
    "/godkend.v1.PassportService/RecoverPin": _REGISTRAR,
    "/godkend.v1.PassportService/RecoverApp": _REGISTRAR,
    "/godkend.v1.RecoveryService/BlockByDevice": ANYBODY,
    "/godkend.v1.DelegationService/RecordDelegation": _REGISTRAR,
    "/godkend.v1.DelegationService/ListDelegations": _REGISTRAR_OR_SUBSCRIBER,
    "/godkend.v1.DelegationService/EndDelegation": _REGISTRAR_OR_SUBSCRIBER,
    "/godkend.v1.EventService/StreamEvents": _AUDITOR,
    "/godkend.v1.EventService/AckEvents": _AUDITOR,
    "/godkend.v1.HistoryService/ListHistory": _SUPPORT_AUDITOR_OR_SUBSCRIBER,
    "/godkend.v1.HistoryService/ListOwnHistory": ANYBODY,
    "/godkend.v1.HistoryService/ReportLogin": _SUBSCRIBER,
    "/godkend.v1.HistoryService/ReportOwnLogin": ANYBODY,
    "/godkend.v1.NotificationService/ListMessages": ANYBODY,
    "/godkend.v1.NotificationService/ListDeadLetters": _SUPPORT_OR_AUDITOR,
    "/godkend.v1.NotificationService/RetryMessage": _SUPPORT,
}
