"""Configuration files: merging, variables, and what is refused with one sentence."""

from __future__ import annotations

import json
import re

import pytest

from distnet.errors import InputError
from distnet.sonata import load
from distnet.sonata.config import read_config
from distnet.sonata.keys import USED, WITHOUT_EFFECT


def refused(circuit, message):
    with pytest.raises(InputError, match=message) as caught:
        load(circuit.write())
    assert "\n" not in str(caught.value)


def test_a_configuration_that_names_circuit_and_simulation(circuit):
    plan = load(circuit.write()).plan
    assert (plan.run.tstop, plan.run.dt, plan.run.dl) == (10.0, 0.1, 20.0)
    assert (plan.settings.celsius, plan.settings.v_init, plan.settings.dt) == (34.0, -80.0, 0.1)
    assert plan.mechanism_folders == (circuit.folder / "parts",)
    assert (plan.output.spikes_file, plan.output.sort) == ("spikes.h5", "none")


def test_a_simulation_that_names_its_network(circuit):
    circuit.simulation["network"] = "circuit.json"
    config = circuit.write()
    assert load(config.with_name("simulation.json")).network.n_cells == 5


def test_one_file_that_holds_everything(circuit):
    circuit.simulation |= circuit.circuit
    config = circuit.write()
    assert load(config.with_name("simulation.json")).network.n_cells == 5


def test_a_file_named_twice_is_read_once(circuit):
    circuit.simulation["network"] = "./net/../circuit.json"
    assert load(circuit.write()).network.n_cells == 5


def test_two_files_must_agree(circuit):
    circuit.circuit["run"] = {"tstop": 11.0}
    refused(circuit, r'simulation\.json: "run\.tstop": the value differs from .*circuit\.json')


def test_two_files_may_share_a_section(circuit):
    circuit.simulation["components"] = {
        "mechanisms_dir": circuit.circuit["components"].pop("mechanisms_dir")
    }
    assert load(circuit.write()).plan.mechanism_folders == (circuit.folder / "parts",)


def test_variables_may_be_nested_and_need_no_texts(circuit):
    circuit.simulation["manifest"] = {
        "$A": "${B}/net",
        "B": "$configdir",
        "$STOP": 12.5,
    }
    circuit.simulation["run"]["tstop"] = "$STOP"
    circuit.simulation["inputs"]["drive"]["input_file"] = "${A}/spikes.h5"
    simulation = load(circuit.write())
    assert simulation.plan.run.tstop == 12.5
    assert simulation.network.trains.n_spikes == 3


def test_an_undefined_variable(circuit):
    circuit.simulation["output"]["output_dir"] = "$WHERE/out"
    refused(
        circuit, r'simulation\.json: "output": the variable \$WHERE is not defined; defined are'
    )


def test_a_variable_defined_by_itself(circuit):
    circuit.simulation["manifest"] = {"$A": "$B", "$B": "$A"}
    refused(circuit, r'"manifest\.\$A": the variable \$B is not defined, or defined in terms of it')


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ((), "runs"),
        (("run",), "tsop"),
        (("conditions",), "temperature"),
        (("output",), "spike_file"),
        (("inputs", "drive"), "nodeset"),
    ],
)
def test_an_unknown_key_names_file_key_and_what_is_allowed(circuit, place, key):
    section = circuit.simulation
    for name in place:
        section = section[name]
    section[key] = 1
    dotted = re.escape(".".join((*place, key)))
    refused(circuit, rf'simulation\.json: "{dotted}": the key is not known here; allowed are \w+')


@pytest.mark.parametrize("section", ["components", "networks"])
def test_an_unknown_key_of_the_circuit(circuit, section):
    circuit.circuit[section]["odd"] = "x"
    refused(circuit, rf'circuit\.json: "{section}\.odd": the key is not known here; allowed are')


def test_an_unknown_key_of_a_node_file(circuit):
    circuit.circuit["networks"]["nodes"][1]["odd"] = "x"
    refused(circuit, r'"networks\.nodes\[1\]\.odd": the key is not known here')


def test_keys_without_effect_are_accepted(circuit):
    for section in ("run", "conditions", "output"):
        circuit.simulation[section] |= dict.fromkeys(WITHOUT_EFFECT[section], 1)
    circuit.simulation |= dict.fromkeys(WITHOUT_EFFECT[""], "x")
    circuit.circuit["components"] |= dict.fromkeys(WITHOUT_EFFECT["components"], "nowhere")
    load(circuit.write())


def test_no_key_has_an_effect_and_none():
    for section, keys in WITHOUT_EFFECT.items():
        assert not set(keys) & set(USED[section])


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("run", "tstop", "long", r"found 'long' where a number greater than 0 is expected"),
        ("run", "tstop", -1, r"found -1 where a number greater than 0 is expected"),
        ("run", "dt", 0, r"found 0 where a number greater than 0 is expected"),
        ("run", "dt", [0.1], r"found a list where a number greater than 0 is expected"),
        ("run", "dL", True, r"found True where a number greater than 0 is expected"),
        ("run", "random_seed", 1.5, r"found 1\.5 where a whole number, 0 or greater, is expected"),
        ("run", "tstart", 5.0, r"every simulation starts at 0 ms"),
        ("conditions", "celsius", "warm", r"found 'warm' where a number is expected"),
        (
            "output",
            "spikes_sort_order",
            "size",
            r'"size" is not supported; allowed are none, by_id',
        ),
        ("output", "spikes_file", 3, r"found 3 where a text is expected"),
    ],
)
def test_a_wrong_value(circuit, section, key, value, message):
    circuit.simulation[section][key] = value
    refused(circuit, rf'simulation\.json: "{section}\.{key}": {message}')


def test_a_section_that_is_no_object(circuit):
    circuit.simulation["run"] = 3
    refused(circuit, r'simulation\.json: "run": found 3 where an object is expected')


def test_a_missing_tstop(circuit):
    del circuit.simulation["run"]["tstop"]
    refused(circuit, r'simulation\.json: "run": the key "tstop" is missing')


def test_overrides_replace_what_the_file_says(circuit):
    del circuit.simulation["run"]["tstop"]
    plan = load(circuit.write(), tstop=3.0, dt=0.05, seed=4).plan
    assert (plan.run.tstop, plan.run.dt, plan.settings.dt, plan.run.seed) == (3.0, 0.05, 0.05, 4)
    assert plan.configuration["run"]["tstop"] == 3.0
    json.dumps(plan.configuration)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_wrong_override(circuit, value):
    with pytest.raises(InputError, match=r"^tstop: found .* where a number greater than 0"):
        load(circuit.write(), tstop=value)


def test_a_missing_configuration(tmp_path):
    with pytest.raises(InputError, match=r"none\.json does not exist"):
        load(tmp_path / "none.json")


def test_a_configuration_that_is_no_json(tmp_path):
    (tmp_path / "config.json").write_text('{\n "run": {,}\n}')
    with pytest.raises(InputError, match=r"config\.json:2:10: is not JSON"):
        load(tmp_path / "config.json")


def test_a_configuration_that_is_a_list(tmp_path):
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(InputError, match="holds a list where an object is expected"):
        load(tmp_path / "config.json")


def test_a_circuit_file_that_is_missing(circuit):
    config = circuit.write()
    (circuit.folder / "circuit.json").unlink()
    with pytest.raises(InputError, match=r'config\.json: "network": the file .*circuit\.json does'):
        load(config)


@pytest.mark.parametrize("name", ["cortex.h5", "cortex.csv", "edges.h5", "edges.csv", "spikes.h5"])
def test_a_data_file_that_is_missing(circuit, name):
    config = circuit.write()
    (circuit.folder / "net" / name).unlink()
    with pytest.raises(InputError, match=rf'\.json: ".*": the file .*{name} does not exist'):
        load(config)


def test_a_folder_that_is_missing(circuit):
    circuit.circuit["components"]["mechanisms_dir"] = "nowhere"
    refused(circuit, r'"components\.mechanisms_dir": the folder .*nowhere does not exist')


def test_no_nodes(circuit):
    del circuit.circuit["networks"]["nodes"]
    refused(circuit, r'circuit\.json: "networks": the key "nodes" is missing')


def test_paths_of_outputs_lie_below_the_output_folder(circuit):
    circuit.simulation["output"] |= {
        "spikes_file": "./output/deep/s.h5",
        "spikes_file_csv": str(circuit.folder / "elsewhere" / "s.csv"),
        "spikes_sort_order": "time",
    }
    output = load(circuit.write()).plan.output
    assert (output.spikes_file, output.spikes_csv) == ("deep/s.h5", "s.csv")
    assert output.sort == "by_time"


def test_outputs_never_leave_the_output_folder(circuit):
    circuit.simulation["output"]["spikes_file"] = "../../s.h5"
    assert load(circuit.write()).plan.output.spikes_file == "s.h5"


def test_spikes_may_be_switched_off(circuit):
    circuit.simulation["output"]["spikes_file"] = None
    assert load(circuit.write()).plan.output.spikes_file is None


def test_the_asset_is_read(assets):
    config = read_config(assets / "sonata_small/config.json")
    assert config.values["run"]["tstop"] == 500.0
    assert config.section("inputs").section("step").name == "inputs.step"
