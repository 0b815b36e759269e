"""``nest doctor``: what would stop a run, or make it other than it should be, found before the run.

Each check looks at one thing, changes nothing, and yields what it found.
"""

from collections.abc import Callable

from nest_builder.doctor import accounts, inputs, machine, models, network, permissions, services
from nest_builder.doctor.base import Finding, Found, Patient
from nest_builder.operations.secrets import Redactor

__all__ = ["CHECKS", "Finding", "Patient", "examine"]

CHECKS: dict[str, Callable[[Patient], Found]] = {
    "python": machine.check_python,
    "packages": machine.check_packages,
    "models": models.check_models,
    "ROSE's models": models.check_rose,
    "ROSE's services": services.check_services,
    "work directory": machine.check_workdir,
    "disk": permissions.check_disk,
    "permissions": permissions.check_permissions,
    "secrets": permissions.check_secrets,
    "clock": machine.check_clock,
    "store": inputs.check_store,
    "ports": machine.check_ports,
    "sources": inputs.check_sources,
    "address guard": inputs.check_guard,
    "accounts": accounts.check_accounts,
    "network": network.check_network,
}


def examine(patient: Patient) -> list[Finding]:
    """Run every check and return what they found, in their order; errors of servers are shown without secrets."""
    redact = Redactor()
    return [
        Finding(name, state, redact(found), redact(remedy))
        for name, check in CHECKS.items()
        for state, found, remedy in check(patient)
    ]
