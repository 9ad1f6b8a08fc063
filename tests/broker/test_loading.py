"""What is loaded for good is not looked through by the garbage collector; what comes later is."""

import gc

import pytest

from cloudassist import loading


@pytest.fixture(autouse=True)
def nothing_stays_frozen():
    yield
    gc.unfreeze()


def test_what_was_made_in_the_block_is_never_looked_through():
    with loading.for_good():
        assert not gc.isenabled()
        loaded = [[]]
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    later = [[]]
    watched = {id(each) for each in gc.get_objects()}
    assert id(later) in watched
    assert id(loaded) not in watched


def test_garbage_is_collected_again_although_loading_fails():
    with pytest.raises(ImportError), loading.for_good():
        raise ImportError
    assert gc.isenabled()
