"""What all tests share: random examples are the same in every run, and take as long as they take.

`--hypothesis-profile=explore` draws new examples each time.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("suite", settings.get_profile("explore"), derandomize=True)
settings.load_profile("suite")
