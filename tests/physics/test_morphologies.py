"""Cells read from SWC and ASC files, spike for spike with NEURON's Import3d."""

from __future__ import annotations

from pathlib import Path

import pytest

from distnet.cell import Cell, Location
from distnet.cell_network import CellNetwork
from distnet.discretisation import d_lambda, nseg_rule
from distnet.morphology import Morphology, load_asc, load_swc

pytestmark = pytest.mark.neuron

TEMPLATE = Path(__file__).parents[1] / "imported_cell.hoc"
SCRIPT = """
h.load_file("import3d.hoc")
h.load_file(p["template"])
is_asc = p["path"].endswith(".asc")
reader = h.Import3d_Neurolucida3() if is_asc else h.Import3d_SWC_read()
reader.quiet = 1
reader.input(p["path"])
cell = h.ImportedCell()
h.Import3d_GUI(reader, 0).instantiate(cell)
sections = {section.name().split(".")[-1]: section for section in cell.all}
for section in sections.values():
    section.Ra, section.cm = 120, 1.2
for name, section in sections.items():
    if p["rule"] == "d_lambda":
        section.nseg = int((section.L / (0.1 * h.lambda_f(100, sec=section)) + 0.9) / 2) * 2 + 1
    else:
        section.nseg = 1 + 2 * int(section.L / 40)
    if p["dendrites"] == "hh" or name.startswith("soma"):
        section.insert("hh")
    else:
        section.insert("pas")
        for segment in section:
            segment.pas.g, segment.pas.e = 1e-4, -70
synapses = [h.ExpSyn(sections[name](x)) for name, x in p["places"]]
connections = [h.NetCon(None, synapse) for synapse in synapses]
for synapse, connection in zip(synapses, connections):
    synapse.tau, connection.weight[0] = 2, 0.05
clamp = h.IClamp(sections["soma[0]"](0.5))
clamp.delay, clamp.dur, clamp.amp = 10, 180, p["amp"]

def send():
    for connection in connections:
        for time in p["times"]:
            connection.event(time + 1.25)

soma = sections["soma[0]"](0.5)
simulate([soma] + [sections[name](x) for name, x in p["places"]], [soma], send)
"""

AMP = {"hh": 0.6, "pas": 0.3}  # nA
TIMES = [5.0, 33.3, 51.0, 51.5, 71.0, 90.3, 107.7, 125.0, 140.2, 163.4, 181.6]  # ms
RULES = {"nseg": nseg_rule(40.0), "d_lambda": d_lambda(0.1, 100.0)}

#: A soma drawn as an outline, a basal tree with a branching, an apical dendrite and an axon.
ASC = """\
("CellBody"
  (Color Red)
  (CellBody)
  (   8.5    0.0    0.0    0.1)
  (   6.1    5.8    0.0    0.1)
  (   0.2    7.9    0.0    0.1)
  (  -6.3    5.1    0.0    0.1)
  (  -8.1   -0.4    0.0    0.1)
  (  -5.7   -6.2    0.0    0.1)
  (   0.4   -7.6    0.0    0.1)
  (   6.4   -5.3    0.0    0.1)
)

( (Color Blue)
  (Dendrite)
  (   8.3    1.2    0.0    2.6)
  (  30.5   10.4    3.1    2.0)
  (  61.2   21.7    4.4    1.6)
  (
    (  80.1   45.3    6.0    1.2)
    ( 120.6   80.9    9.2    0.9)
    ( 160.3   99.1   12.7    0.7)
  |
    (  92.7   18.2    1.0    1.3)
    ( 150.4   12.6   -8.3    0.8)
    (
      ( 190.0   30.2   -9.9    0.6)
      ( 230.8   41.1  -12.5    0.5)
    |
      ( 188.5  -11.3  -14.2    0.6)
      ( 221.9  -39.4  -20.0    0.5)
    )
  )
)

( (Color Green)
  (Apical)
  (   0.1    7.8    0.0    3.9)
  (   2.4   60.3    2.2    3.1)
  (  -1.8  150.9    5.9    2.4)
  (   3.3  260.5    9.4    1.5)
)

( (Color Yellow)
  (Axon)
  (  -0.3   -7.5    0.0    1.5)
  (  -4.1  -50.2   -2.0    1.0)
  (   1.6 -130.4   -3.3    0.8)
)
"""


def build(
    morphology: Morphology, rule: str, dendrites: str, places: list, amp: float
) -> CellNetwork:
    """The cell that the script builds, fed by one spike train."""
    cell = Cell(morphology)
    cell.set(Ra=120, cm=1.2)
    cell.discretise(RULES[rule])
    others = [section.name for section in morphology if section.region != "soma"]
    cell.insert("hh", "soma")
    if dendrites == "hh":
        cell.insert("hh", others)
    else:
        cell.insert("pas", others, g=1e-4, e=-70.0)
    synapses = [cell.place(Location(name, x), "ExpSyn", tau=2.0) for name, x in places]
    cell.place(Location("soma", 0.5), "IClamp", delay=10.0, dur=180.0, amp=amp)
    cell.detect(Location("soma", 0.5), threshold=-10.0)
    network = CellNetwork()
    gid = network.add_cell(cell)
    train = network.add_spike_train(TIMES)
    for synapse in synapses:
        network.connect(train, (gid, synapse), weight=0.05, delay=1.25)
    return network


@pytest.fixture(scope="module")
def compare(run_neuron, run_distnet, assert_same):
    """Both simulators on one file."""

    def both(
        path: Path, rule: str, dendrites: str, places: list, amp: float, n_spikes: int
    ) -> None:
        morphology = load_asc(path) if path.suffix == ".asc" else load_swc(path)
        network = build(morphology, rule, dendrites, places, amp)
        watched = [(0, Location("soma", 0.5))] + [(0, Location(name, x)) for name, x in places]
        ours = run_distnet(network, watched, 200.0)
        given = {"path": str(path), "template": str(TEMPLATE), "rule": rule}
        given |= {"dendrites": dendrites, "places": places}
        theirs = run_neuron(SCRIPT, tstop=200.0, times=TIMES, amp=amp, **given)
        assert_same(ours, theirs, n_spikes)

    return both


@pytest.mark.parametrize("dendrites", ["hh", "pas"])
@pytest.mark.parametrize(("name", "rule"), [("Rorb", "nseg"), ("Pvalb_470522102", "d_lambda")])
def test_swc(compare, assets, name, rule, dendrites):
    (path,) = (assets / "sonata_small" / "components" / "morphologies").glob(f"{name}*.swc")
    places = [
        ("dend[0]", 0.5),
        ("dend[5]", 1.0),
        ("soma[0]", 0.5),
        ("axon[0]", 0.3),
        ("dend[9]", 0.9),
    ]
    compare(path, rule, dendrites, places, amp=AMP[dendrites], n_spikes=5)


@pytest.mark.parametrize("dendrites", ["hh", "pas"])
@pytest.mark.parametrize("rule", RULES)
def test_asc(compare, tmp_path, rule, dendrites):
    path = tmp_path / "cell.asc"
    path.write_text(ASC)
    places = [
        ("dend[0]", 0.0),
        ("soma[0]", 0.5),
        ("dend[2]", 0.5),
        ("dend[4]", 1.0),
        ("apic[0]", 0.7),
    ]
    compare(path, rule, dendrites, places, amp=AMP[dendrites], n_spikes=5)
