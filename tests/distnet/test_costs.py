"""Prices of cells: what is counted, the table that is kept, and bad tables."""

from __future__ import annotations

import json

import pytest

from distnet import CellNetwork, InputError, Location, Morphology, Settings
from distnet.cell import Cell
from distnet.costs import DIFFUSING, CostModel, CostTable, load_table, store_table, table_file
from distnet.discretisation import n_segments
from distnet.network import ArtificialCell

TABLE = CostTable(node=10.0, instance=1.0, operation=0.5, call=4.0, event=200.0)


@pytest.fixture
def cell():
    morphology = Morphology()
    morphology.add("soma", length=20.0, diam=20.0)
    cell = Cell(morphology)
    cell.discretise(n_segments(3))
    return cell


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("DISTNET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_cell_costs_what_its_pieces_do(cell):
    model = CostModel(TABLE, Settings(dt=0.1), rate=10.0)
    bare = model.cell(cell)
    assert bare == 10.0 * cell.cable.n_node
    cell.insert("pas")
    assert model.instance("pas") == 1.0 + 0.5 * 2
    assert model.cell(cell) == bare + 3 * model.instance("pas")
    cell.place(Location("soma"), "ExpSyn")
    assert model.cell(cell) == bare + 3 * model.instance("pas") + model.instance("ExpSyn")
    assert model.event == pytest.approx(200.0 * 10.0 * 0.1e-3)


def test_more_arithmetic_costs_more():
    model = CostModel(TABLE, Settings())
    assert model.instance("pas") < model.instance("ExpSyn") < model.instance("hh")
    assert model.cell(ArtificialCell("NetStim")) == model.instance("NetStim")


def test_states_that_diffuse_cost_nodes(tmp_path):
    text = (
        "NEURON {{ SUFFIX {} }} STATE {{ a[2] }} BREAKPOINT {{ SOLVE k METHOD sparse }}"
        "KINETIC k {{ COMPARTMENT 1 {{a}} ~ a[0] <-> a[1] (1, 1) {} }}"
    )
    for name, more in (("still", ""), ("moving", "LONGITUDINAL_DIFFUSION 1 {a}")):
        (tmp_path / f"{name}.mod").write_text(text.format(name, more))
    model = CostModel(TABLE, Settings(mechanism_folders=(tmp_path,)))
    extra = model.instance("moving") - model.instance("still")
    assert extra == pytest.approx(2 * DIFFUSING * TABLE.node)


def test_connections_are_priced_where_they_end(cell):
    network = CellNetwork()
    cell.detect(Location("soma"), threshold=0.0)
    synapse = cell.place(Location("soma"), "ExpSyn")
    first, second = network.add_cell(cell), network.add_cell(cell.copy())
    model = CostModel(TABLE, Settings())
    for _ in range(5):
        network.connect(first, (second, synapse), weight=0.1, delay=1.0)
    cost = network.costs(model)
    assert cost[second] - cost[first] == pytest.approx(5 * model.event)


def test_a_table_is_kept(cache):
    assert load_table() == CostTable()
    assert store_table(TABLE) == table_file() == cache / "costs.json"
    assert load_table() == TABLE
    assert [path.name for path in cache.iterdir()] == ["costs.json"]


@pytest.mark.parametrize("text", ["{", "[]", "{}", json.dumps({"node": 1}), '"a"'])
def test_a_broken_table_is_refused(cache, text):
    cache.mkdir()
    table_file().write_text(text)
    with pytest.raises(InputError, match=r"costs\.json: .*remove it"):
        load_table()


def test_a_table_of_nonsense_is_refused(cache):
    store_table(TABLE)
    table_file().write_text(table_file().read_text().replace("200.0", "-1"))
    with pytest.raises(InputError, match="holds no table"):
        load_table()
