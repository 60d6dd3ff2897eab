"""`godkend capacity`: what this machine carries, what a country needs, what a dearer hash takes."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from godkend.capacity import (
    COMMANDS_PER_LOGIN,
    Country,
    HashCost,
    Kind,
    Machine,
    Raised,
    carried,
    cores_needed,
    disk_load,
    raised,
    shares,
)
from godkend.cli.about import cpu_model
from godkend.cli.options import json_option
from godkend.cli.output import print_fields, print_json, unwrapped

CHOICES = ((12_288, 3), (19_456, 2), (47_104, 1), (65_536, 3), (131_072, 3))
"""Memory in KiB and passes: three that OWASP holds equal, RFC 9106's second, and its double."""
WORDS: dict[Kind, str] = {
    "PIN": "app, PIN",
    "biometrics": "app, biometrics",
    "display": "code display and password",
    "password": "password alone",
    "signing": "document signed, PIN",
}


@click.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend capacity",
        "  godkend capacity --identities 10000000 --logins-per-month 250000000 --pin-share 0.4",
        "  godkend capacity --directory /var/lib/godkend --seconds 5 --json",
    ),
)
@click.option(
    "--identities",
    type=click.IntRange(min=1),
    default=4_500_000,
    show_default=True,
    help="Subscribers of the country.",
)
@click.option(
    "--logins-per-month",
    type=click.IntRange(min=1),
    default=89_000_000,
    show_default=True,
    help="All their logins. The default is Denmark's.",
)
@click.option(
    "--peak-factor",
    type=click.FloatRange(min=1),
    default=2.4,
    show_default=True,
    help="The busiest hour, against the average of the month.",
)
@click.option(
    "--pin-share",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="Share of logins by app that are approved with a PIN; biometrics need no hash.",
)
@click.option(
    "--display-share",
    type=click.FloatRange(0, 1),
    default=0.05,
    show_default=True,
    help="Share of all logins by code display or reader, with the password.",
)
@click.option(
    "--password-share",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of all logins by password alone, where Low is enough.",
)
@click.option(
    "--signing-share",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of all logins in which a document is signed, with a PIN.",
)
@click.option(
    "--load-max",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.6,
    show_default=True,
    help="Share of CPU and disk to plan for; the rest is headroom.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, max=60, min_open=True),
    default=2.0,
    show_default=True,
    help="Time for each of the twelve measurements.",
)
@click.option(
    "--directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="On the disk to measure; a temporary store is made there.  [default: the system's]",
)
@json_option
def capacity(
    identities: int,
    logins_per_month: int,
    peak_factor: float,
    pin_share: float,
    display_share: float,
    password_share: float,
    signing_share: float,
    load_max: float,
    seconds: float,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Measure this machine, and plan with it.

    Hashes, durable commands, and whole logins on a server of its own are measured; a server that
    runs here meanwhile is disturbed. The rest is derived: how many logins a second the machine
    carries, how many such cores a country's busiest hour needs, and what a dearer hash takes.
    """
    try:
        kinds = shares(pin_share, display_share, password_share, signing_share)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--display-share") from None
    country = Country(identities, logins_per_month, peak_factor, kinds)
    with tempfile.TemporaryDirectory(prefix="godkend-capacity-", dir=directory) as temporary:
        machine, costs = measure(Path(temporary), seconds)
    plans = raised(machine, country, costs, load_max)
    if as_json:
        print_json(report(machine, country, plans, load_max))
        return
    tell(machine, country, plans, load_max)


def measure(directory: Path, seconds: float) -> tuple[Machine, list[HashCost]]:
    """Measures everything, with a bar on stderr."""
    # Only here: whoever asks for --help needs none of it.
    from godkend.cli.measure import (
        Logins,
        commands_per_s,
        cores,
        hash_cost,
        hashes_all_cores_per_s,
        keep_memory,
        pin_parameters,
    )

    keep_memory()
    memory_kib, iterations = pin_parameters()
    steps = len(CHOICES) + 2 + len(COMMANDS_PER_LOGIN)
    with click.progressbar(length=steps, label="Measuring", file=sys.stderr) as bar:
        costs = []
        for choice in CHOICES:
            costs.append(hash_cost(*choice, seconds))
            bar.update(1)
        known = [
            each for each in costs if (each.memory_kib, each.iterations) == (memory_kib, iterations)
        ]
        hash_now = known[0] if known else hash_cost(memory_kib, iterations, seconds)
        all_cores = hashes_all_cores_per_s(memory_kib, iterations, seconds)
        bar.update(1)
        commands, bytes_per_identity = commands_per_s(directory, seconds)
        bar.update(1)
        cpu_s: dict[Kind, float] = {}
        with Logins(directory) as logins:
            for kind in COMMANDS_PER_LOGIN:
                cpu_s[kind] = logins.cpu_s(kind, seconds)
                bar.update(1)
    machine = Machine(
        cores=cores(),
        hash_now=hash_now,
        hashes_all_cores_per_s=all_cores,
        login_cpu_s=cpu_s,
        commands_per_s=commands,
        bytes_per_identity=bytes_per_identity,
    )
    return machine, costs


def report(
    machine: Machine, country: Country, plans: list[Raised], load_max: float
) -> dict[str, object]:
    """Everything, for the next program; times in seconds."""
    return {
        "cpu": cpu_model(),
        "measured": asdict(machine),
        "country": asdict(country) | {"peak_per_s": country.peak_per_s},
        "load_max": load_max,
        "derived": {
            "logins_per_s": {
                kind: asdict(carried(machine, kind, load_max)) for kind in COMMANDS_PER_LOGIN
            },
            "cores_needed": cores_needed(machine, country, load_max),
            "disk_load": disk_load(machine, country),
            "identities_bytes": machine.bytes_per_identity * country.identities,
            "hash_parameters": [asdict(plan) for plan in plans],
        },
    }


def tell(machine: Machine, country: Country, plans: list[Raised], load_max: float) -> None:
    """The same for people, what was measured apart from what follows from it."""
    now = machine.hash_now
    click.echo(f"Measured on {cpu_model()}, {machine.cores} cores")
    print_fields(
        {
            f"  one hash, {now.memory_kib} KiB, {now.iterations} passes": (
                f"{now.cpu_s * 1e3:.2f} ms of CPU: {now.per_core_s:.0f} a second and core"
            ),
            "  hashes, all cores at once": f"{machine.hashes_all_cores_per_s:.0f} a second",
            **{
                f"  login, {WORDS[kind]}": f"{cpu_s * 1e3:.2f} ms of server CPU, over gRPC"
                for kind, cpu_s in machine.login_cpu_s.items()
            },
            "  durable commands, 64 waiting": f"{machine.commands_per_s:,.0f} a second",
            "  store for an identity": f"{machine.bytes_per_identity:,.0f} bytes, without phones",
        }
    )
    click.echo(f"\nDerived: this machine carries, at {load_max:.0%} load")
    for kind in COMMANDS_PER_LOGIN:
        found = carried(machine, kind, load_max)
        click.echo(
            f"  {found.per_s:,.0f} logins a second ({WORDS[kind]}); {found.limit} is the limit"
        )
    mixed = ", ".join(
        f"{share:.0%} {WORDS[kind]}" for kind, share in country.shares.items() if share
    )
    click.echo(
        f"\nDerived: {country.identities:,} people, {country.logins_per_month:,} logins a month,"
        f" {mixed}"
    )
    needed = cores_needed(machine, country, load_max)
    gib = machine.bytes_per_identity * country.identities / 2**30
    print_fields(
        {
            "  on average": f"{country.average_per_s:.0f} logins a second",
            "  in the busiest hour": f"{country.peak_per_s:.0f} logins a second",
            "  such cores needed": f"{needed} (this machine has {machine.cores})",
            "  of this disk": f"{disk_load(machine, country):.1%} of its durable commands",
            "  store for identities": f"{gib:.1f} GiB, phones and history come on top",
        }
    )
    click.echo("\nDerived: what other hash parameters take for that country")
    click.echo("  memory KiB  passes  ms/hash  hashes/s/core  cores  arenas MiB")
    for plan in plans:
        cost = plan.cost
        mark = " (now)" if cost == now else ""
        click.echo(
            f"  {cost.memory_kib:>10,}  {cost.iterations:>6}  {cost.cpu_s * 1e3:>7.2f}"
            f"  {cost.per_core_s:>13.0f}  {plan.cores:>5}  {plan.memory_mib:>10,}{mark}"
        )
    click.echo("\nOther work on this machine makes every figure worse than it is.")
