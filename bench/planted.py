"""Makes every gated subject 5 % dearer, in a copy, and sees that the gate notices each.

    make bench-planted                    # all at once: two builds, some minutes
    make bench-planted ARGS="--percent 2"

What is planted is that many instructions that do nothing, exactly: 5 % of what the subject takes,
where its work begins. Each subject must be refused, and by about what was planted there: one that
only another's planting made dearer does not count. The exit code is 1 if one slips through.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.base_tree import Tree
from bench.instructions import Row, compare, count_all, print_table
from tests.guards import copy_tree

RULES = "rust/godkend-core/src"
BINDING = "rust/godkend-py/src"
SLACK_PERCENT = 2.5
"""A planted instruction may cost a register more, and some subjects run what others do."""


@dataclass(frozen=True, slots=True)
class Plant:
    """A subject, and the line before which its instructions are planted.

    `per` is a Rust expression for how often that place is to run them; `of` is how many times that
    is in one repetition of the subject.
    """

    subject: str
    file: str
    line: str
    per: str = "1"
    of: int = 1

    def into(self, tree: Path, count: float, percent: float) -> None:
        path = tree / self.file
        text = path.read_text("utf-8")
        if text.count(self.line) != 1:
            raise SystemExit(f"{self.subject}: its line stands {text.count(self.line)} times")
        nops = max(1, round(count * percent / 100 / self.of))
        assembly = f'".rept {nops}", "nop", ".endr", options(nomem, nostack, preserves_flags)'
        planted = f"#[allow(unsafe_code)] unsafe {{ std::arch::asm!({assembly}) }};\n"
        if self.per != "1":
            planted = f"for _ in 0..{self.per} {{ {planted} }}\n"
        path.write_text(text.replace(self.line, planted + self.line), "utf-8")


BLOCKS = 256
PLANTS = (
    Plant("throttle decision", f"{RULES}/throttle.rs", "    let busiest = now_us"),
    Plant("throttle of a key", f"{RULES}/throttle.rs", "        if let Some(arrival) = self."),
    Plant(
        "step StartLogin",
        f"{RULES}/engine/command/login.rs",
        "        let login_id = Self::login_id(at.keys, &self.front_end, &self.request_id);",
    ),
    Plant(
        "step OpenLogin",
        f"{RULES}/engine/command/login.rs",
        "        fresh(statement.signed_at_ms, at.policy.login.statement_skew_ms, at.now)?;",
    ),
    Plant(
        "step ChargeApproval",
        f"{RULES}/engine/command/decision.rs",
        "        let charged = charge(&mut authenticator, at)?;",
    ),
    Plant(
        "step SettleApproval",
        f"{RULES}/engine/command/decision.rs",
        "        let mut authenticator = charged_authenticator(tx, &self.checked)?;",
    ),
    Plant(
        "step ApproveByBiometrics",
        f"{RULES}/engine/command/decision.rs",
        "        let how = UserVerification::Biometrics;",
    ),
    Plant(
        "statement read and compared",
        f"{RULES}/approval.rs",
        "        if bytes.is_empty() || bytes.len() > S::BYTES_MAX {",
    ),
    Plant(
        "signature of a statement, Ed25519",
        f"{RULES}/signature.rs",
        "        if signature.len() > self.algorithm().signature_len_max() {",
    ),
    # For each block that a hash makes: dearer by as much with one pass as with three.
    Plant(
        "Argon2id, 256 KiB, 1 pass",
        f"{RULES}/pin/hash.rs",
        "        argon2id::hash(",
        per="params.iterations * params.memory_kib",
        of=BLOCKS,
    ),
    Plant("binding: Throttle.check", f"{BINDING}/tools.rs", "        throttle.check(key, now_us)"),
    Plant(
        "binding: LoginStarted to Python",
        f"{BINDING}/outcome/login.rs",
        "        challenge::qr_token(&self.0.login_id)",
    ),
)
COVERED_BY = {
    "Argon2id, 256 KiB, 3 passes": "Argon2id, 256 KiB, 1 pass",
    "binding: verify_signature": "signature of a statement, Ed25519",
}
"""Subjects that run what was planted for another, and little else."""


def slipped(rows: list[Row], percent: float) -> list[str]:
    """Subjects that the gate did not refuse, or not for what was planted."""
    noticed = {
        row.subject
        for row in rows
        if not row.is_accepted
        and row.percent is not None
        and abs(row.percent - percent) <= SLACK_PERCENT
    }
    return [row.subject for row in rows if row.subject not in noticed]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--percent", type=float, default=5.0, help="how much dearer")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="godkend-planted-") as folder:
        copy_tree(Path(folder))
        tree = Tree.planted(Path(folder))
        print("counting the tree as it is ...", flush=True)
        tree.build()
        before = count_all(tree)
        unplanted = before.keys() - {plant.subject for plant in PLANTS} - COVERED_BY.keys()
        if unplanted:
            raise SystemExit(f"nothing is planted in {', '.join(sorted(unplanted))}")
        for plant in PLANTS:
            plant.into(tree.path, before[plant.subject], arguments.percent)
        print(f"counting it with {arguments.percent:g} % planted in each ...", flush=True)
        tree.build()
        rows = compare(before, count_all(tree))
    print_table(rows, "unplanted")
    missed = slipped(rows, arguments.percent)
    print(f"not noticed: {', '.join(missed)}" if missed else f"all {len(rows)} were noticed")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
