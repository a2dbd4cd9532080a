"""What a first step need not wait for is not loaded."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from core.settings import REPOSITORY
from core.training.libraries import QUANTISATION, UNUSED, spared


def test_a_spared_package_is_absent_only_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    loaded = sys.modules["subprocess"]
    with spared(("colorsys", "subprocess")):
        assert importlib.util.find_spec("colorsys") is None
        with pytest.raises(ImportError):
            import colorsys
        assert sys.modules["subprocess"] is loaded, "what is loaded already stays"
    import colorsys

    assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("quantised", [False, True])
def test_the_libraries_load_no_more_than_they_need(quantised: bool) -> None:
    code = (
        f"import sys\nfrom core.training.libraries import load_libraries\nload_libraries({quantised})\n"
        f"print(*[name for name in {(*UNUSED, QUANTISATION)!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ([QUANTISATION] if quantised else [])
