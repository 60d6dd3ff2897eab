"""Vendors' seed files: what is read, what is refused, and that no XML does more than be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from godkend.cli import main
from godkend.display import SHA1, SHA256, Display
from godkend.display_files import DisplayFile, DisplayRow
from godkend.row_files import FileRefused, RowUnreadable
from godkend.v1 import display_service_pb2 as pb
from tests.support.driver import CoreDriver
from tests.support.policies import policy

if TYPE_CHECKING:
    from collections.abc import Iterable

SEED = b"12345678901234567890"
BASE64, BASE32 = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
KEY = bytes.fromhex("12345678901234567890123456789012")
"""The pre-shared key of RFC 6030, figure 6, whose values stand below."""
MAC_KEY = "ESIzRFVmd4iZABEiM0RVZgKn6WjLaTC1sbeBMSvIhRejN9vJa2BOlSaMrR7I5wSX"
ENCRYPTED = "AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv"
VALUE_MAC = "Su+NvtQfmvfJzF6bmQiJqoLRExc="
HOTP, TOTP = "urn:ietf:params:xml:ns:keyprov:pskc:hotp", "urn:ietf:params:xml:ns:keyprov:pskc:totp"
XENC, DSIG = "http://www.w3.org/2001/04/xmlenc#", "http://www.w3.org/2000/09/xmldsig#"
VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "otp" / "rfc.json").read_text("utf-8")
)


def package(serial: str = "987654321", secret: str = "", **altered: str) -> str:
    """A key package as RFC 6030 has it; `altered` parts are others."""
    part = {
        "algorithm": HOTP,
        "format": '<ResponseFormat Length="6" Encoding="DECIMAL"/>',
        "factor": "<Counter><PlainValue>7</PlainValue></Counter>",
        "device": f"<DeviceInfo><SerialNo>{serial}</SerialNo></DeviceInfo>",
        **altered,
    }
    secret = secret or f"<PlainValue>{BASE64}\n</PlainValue>"
    return (
        f'<KeyPackage>{part["device"]}<Key Id="K1" Algorithm="{part["algorithm"]}">'
        f"<AlgorithmParameters>{part['format']}</AlgorithmParameters>"
        f"<Data><Secret>{secret}</Secret>{part['factor']}</Data></Key></KeyPackage>"
    )


def container(*packages: str, before: str = "", head: str = '<?xml version="1.0"?>') -> str:
    """A whole file."""
    return (
        f'{head}<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc"'
        f' xmlns:xenc="{XENC}">{before}{"".join(packages)}</KeyContainer>'
    )


def encrypted(value: str = ENCRYPTED, mac: str = VALUE_MAC, algorithm: str = "aes128-cbc") -> str:
    return (
        f'<EncryptedValue><xenc:EncryptionMethod Algorithm="{XENC}{algorithm}"/>'
        f"<xenc:CipherData><xenc:CipherValue>\n {value}\n</xenc:CipherValue></xenc:CipherData>"
        f"</EncryptedValue><ValueMAC>{mac}\n</ValueMAC>"
    )


MAC_METHOD = (
    f'<MACMethod Algorithm="{DSIG}hmac-sha1"><MACKey><xenc:CipherData><xenc:CipherValue>'
    f"{MAC_KEY}</xenc:CipherValue></xenc:CipherData></MACKey></MACMethod>"
)


def read(tmp_path: Path, text: str, ending: str = "xml", **fields: Any) -> list[Any]:
    path = tmp_path / f"seeds.{ending}"
    path.write_text(text, "utf-8")
    file = DisplayFile(path, **fields)
    rows = list(file)
    assert file.position == file.size
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    return rows


def displays(rows: Iterable[Any]) -> list[Display]:
    assert all(isinstance(row, DisplayRow) for row in rows), rows
    return [row.display for row in rows]


def test_a_simulated_display_shows_what_both_rfcs_say() -> None:
    key = bytes.fromhex(VECTORS["hotp"]["key"])
    for row in VECTORS["hotp"]["codes"]:
        assert Display("x", key).code(row["counter"]) == row["code"]
    for row in VECTORS["totp"]["codes"]:
        algorithm = SHA1 if row["algorithm"] == "SHA-1" else SHA256
        display = Display("x", bytes.fromhex(row["key"]), algorithm=algorithm)
        assert display.code_at(row["time_s"] * 1_000) == row["code"][2:]


def test_plain_seeds_of_both_kinds_are_read(tmp_path: Path) -> None:
    clock = package(
        "T1",
        algorithm=TOTP,
        format='<Suite>HMAC-SHA256</Suite><ResponseFormat Encoding="DECIMAL" Length="6"/>',
        factor="<TimeInterval><PlainValue>60</PlainValue></TimeInterval>",
    )
    without_number = package(device="")
    audio = pb.DISPLAY_KIND_AUDIO_CODE_READER
    rows = read(tmp_path, container(package(), clock, without_number), kind=audio)
    assert displays(rows) == [
        Display("987654321", SEED, kind=audio, period_s=0, counter=7),
        Display("T1", SEED, kind=audio, algorithm=SHA256, period_s=60),
        Display("K1", SEED, kind=audio, period_s=0, counter=7),
    ]


def test_the_encrypted_seed_of_the_rfc_is_opened_with_its_key_alone(tmp_path: Path) -> None:
    text = container(package(secret=encrypted()), before=MAC_METHOD)
    (display,) = displays(read(tmp_path, text, key=KEY))
    assert display.seed == SEED
    for key in (None, bytes(16)):
        (row,) = read(tmp_path, text, key=key)
        assert isinstance(row, RowUnreadable)


@pytest.mark.parametrize(
    ("secret", "before"),
    [
        (encrypted(mac="AAAAAAAAAAAAAAAAAAAAAAAAAAA="), MAC_METHOD),
        (encrypted(mac=""), MAC_METHOD),
        (encrypted(), ""),
        (encrypted(), MAC_METHOD.replace("hmac-sha1", "hmac-md5")),
        (encrypted(value="A" + ENCRYPTED[1:-4] + "AAAA"), MAC_METHOD),
        (encrypted(value=ENCRYPTED[:20]), MAC_METHOD),
        (encrypted(value="!" + ENCRYPTED), MAC_METHOD),
        (encrypted(algorithm="aes256-cbc"), MAC_METHOD),
    ],
)
def test_an_encrypted_seed_that_was_touched_is_refused(
    tmp_path: Path, secret: str, before: str
) -> None:
    (row,) = read(tmp_path, container(package(secret=secret), before=before), key=KEY)
    assert isinstance(row, RowUnreadable)


@pytest.mark.parametrize(
    ("altered", "why"),
    [
        ({"algorithm": "urn:ietf:params:xml:ns:keyprov:pskc:pin"}, "neither of HOTP nor of TOTP"),
        ({"format": '<ResponseFormat Length="8" Encoding="DECIMAL"/>'}, "6 decimal digits"),
        ({"format": '<ResponseFormat Length="6" Encoding="HEXADECIMAL"/>'}, "6 decimal digits"),
        ({"format": ""}, "6 decimal digits"),
        ({"secret": "<PlainValue>no!</PlainValue>"}, "base64"),
        ({"secret": "<PlainValue></PlainValue>"}, "neither plain nor encrypted"),
        ({"factor": "<Counter><PlainValue>-1</PlainValue></Counter>"}, "must be a number"),
    ],
)
def test_a_package_that_is_no_display_is_named_and_the_others_are_read(
    tmp_path: Path, altered: dict[str, str], why: str
) -> None:
    text = container(package("A"), package("B", **altered), package("C"))
    first, second, third = read(tmp_path, text)
    assert [first.display.serial_number, third.display.serial_number] == ["A", "C"]
    assert isinstance(second, RowUnreadable)
    assert why in second.why


ENTITIES = (
    '<!DOCTYPE k [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
    '<!DOCTYPE k [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE k SYSTEM "http://127.0.0.1:9/seeds.dtd">',
)


@pytest.mark.parametrize(
    "text",
    [
        *(container(package(), head=head) for head in ENTITIES),
        "",
        "serial_number,seed\n",
        "<KeyContainer/>",
        container(package()).replace("keyprov:pskc", "keyprov:other"),
        container(package())[:-20],
        container(package("x" * 5_000)),
        container("<a>" * 40 + "</a>" * 40),
        container("".join(f"<a{number}>x</a{number}>" for number in range(300))),
    ],
)
def test_what_is_no_seed_file_or_wants_more_than_to_be_read_is_refused(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(FileRefused):
        read(tmp_path, text)


def test_a_csv_names_what_it_has(tmp_path: Path) -> None:
    text = (
        "serial_number,seed,kind,algorithm,period_s,counter\n"
        f"D1,{SEED.hex()},,,,\n"
        f"D2,{BASE32.lower()},audio,SHA-256,60,\n"
        f"D3,{SEED.hex()},display,sha1,0,12\n"
    )
    assert displays(read(tmp_path, text, "csv")) == [
        Display("D1", SEED),
        Display("D2", SEED, pb.DISPLAY_KIND_AUDIO_CODE_READER, SHA256, 60),
        Display("D3", SEED, period_s=0, counter=12),
    ]


@pytest.mark.parametrize("line", ["D1", "D1,!!", "D1,8", f'D1,"{SEED.hex()}', "D1," + "00" * 9_000])
def test_a_line_that_is_no_display_is_named_and_the_others_are_read(
    tmp_path: Path, line: str
) -> None:
    fine = f"D2,{SEED.hex()}"
    rows = read(tmp_path, f"serial_number,seed\n{line}\n{fine}\n", "csv")
    assert isinstance(rows[0], RowUnreadable)
    assert displays(rows[1:]) == [Display("D2", SEED)]


@pytest.mark.parametrize("heading", ["", "serial_number", "serial_number,seed,pin", "a,b"])
def test_other_columns_refuse_the_whole_file(tmp_path: Path, heading: str) -> None:
    with pytest.raises(FileRefused):
        read(tmp_path, heading + "\n", "csv")


def test_an_import_reports_what_it_refused_and_can_be_run_again(tmp_path: Path) -> None:
    file, data = tmp_path / "order.csv", tmp_path / "data"
    lines = [f"D{number},{bytes([number + 1] * 20).hex()}" for number in range(50)]
    refused = ["D_x," + SEED.hex(), "D99,00", "D0," + SEED.hex()]
    file.write_text("\n".join(["serial_number,seed", *lines, *refused]) + "\n")
    command = ["display", "import", str(file), "--data-dir", str(data), "--json"]
    for _ in range(2):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 1, result.output
        assert json.loads(result.stdout)["in the store"] == 50
        report = (tmp_path / "order.csv.refused.jsonl").read_text().splitlines()
        reasons = [(row.get("serial_number"), row["reason"]) for row in map(json.loads, report)]
        assert reasons == [
            ("D_x", "FIELD_INVALID"),
            ("D99", "FIELD_INVALID"),
            ("D0", "SERIAL_NUMBER_TAKEN"),
        ]
        assert SEED.hex() not in "".join(report)
    with CoreDriver(data / "godkend.db", data / "keys.json", policy(), None) as driver:
        kinds = [event.kind for event in driver.events()]
    assert kinds == ["display.imported"] * 50
    assert SEED not in (data / "godkend.db").read_bytes()
    assert bytes([7] * 20) not in (data / "godkend.db").read_bytes()
