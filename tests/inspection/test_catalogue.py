from bench.inspection.catalogue import Catalogue, has_todays_key, place_of, read_catalogue
from tests.inspection.inspected import fill, of_kind, record_of


def test_a_record_has_the_place_of_its_stage(filled, store):
    catalogue = read_catalogue(store)
    assert set(catalogue.records) == set(filled.stages)
    for key, stage in filled.stages.items():
        assert catalogue.place(catalogue.records[key]) == place_of(stage)
        assert catalogue.records[key] in catalogue.at(place_of(stage))


def test_places_tell_all_cells_apart_and_share_what_cells_share(filled):
    places = {place_of(stage) for stage in filled.stages.values()}
    assert len(places) == len(filled.stages)


def test_settings_do_not_move_a_place(filled, lay):
    other = lay(student_lr=0.7, protocol={"top_t": 3})
    before = [place_of(stage) for stage in filled.stages.values()]
    assert [place_of(stage) for stage in other.stages.values()] == before


def test_a_key_of_another_form_is_told_apart(filled):
    (stage, *_) = filled.stages.values()
    assert has_todays_key(record_of(stage))
    assert not has_todays_key(record_of(stage, key="0" * 64))
    assert not has_todays_key(record_of(stage, code=stage.code + 1))


def test_without_its_ancestors_a_record_has_no_place(filled, store):
    (student, *_) = of_kind(filled, "student")
    store.remove(student.key)
    catalogue = read_catalogue(store)
    lost = [record for record in catalogue.records.values() if catalogue.place(record) is None]
    assert {record.kind for record in lost} == {"segmentation", "maps", "evaluation"}


def test_damaged_records_are_named(filled, store):
    key = next(iter(filled.stages))
    path = store.folder(key) / "record.json"
    path.write_bytes(path.read_bytes().replace(b'"seed": 0', b'"seed": 1'))
    catalogue = read_catalogue(store)
    assert set(catalogue.damaged) == {key}
    assert str(path) in catalogue.damaged[key]
    assert key not in catalogue.records


def test_other_methods_maps_have_no_place(filled):
    stage = of_kind(filled, "evaluation")[0]
    scored = record_of(stage, parents=(), parameters={**stage.parameters, "maps": "digest"})
    assert Catalogue({scored.key: scored}).place(scored) is None


def test_a_store_that_is_not_there_is_empty(store):
    assert read_catalogue(store).records == {}
    fill(store, [])
    assert not store.root.exists()
